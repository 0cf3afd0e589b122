# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the tests of a server's life, as a plugin of pytest's."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.copying import Cloud, Pool
from tests.functional.nova.life import HERE, opened_glance, stock
from tests.lab import images, inventory
from tests.lab.lab import Lab
from tests.lab.nova.lab import NovaLab


@pytest.fixture
def pools_as_before(nova_lab: NovaLab) -> Iterator[None]:
    """Fails if a test leaves anything in a pool of either site, once its
    servers and its images are deleted."""
    with contextlib.ExitStack() as stack:
        for cluster in nova_lab.lab.clusters.values():
            stack.enter_context(inventory.nothing_left(cluster))
        yield


@pytest.fixture
def glance(lab: Lab, admin_session: Any, tmp_path: Path) -> Cloud:
    """Glance as its administrator sees it."""
    return Cloud(lab, admin_session, tmp_path)


@pytest.fixture
def here(glance: Cloud) -> Pool:
    """The pool of the images of site A."""
    return glance.pools[HERE]


@pytest.fixture
def miss(
    lab_images: images.Images,
    demo_glance: Any,
    small_raw: Path,
    unique: Callable[[str], str],
) -> str:
    """The id of an image of demo's that is at no site."""
    made = lab_images.upload(demo_glance, small_raw, unique('image'))
    return str(made['id'])


@pytest.fixture
def hit(
    lab_images: images.Images,
    demo_glance: Any,
    small_raw: Path,
    unique: Callable[[str], str],
) -> str:
    """The id of an image of demo's that is at site A."""
    made = lab_images.upload(
        demo_glance, small_raw, unique('image'), to=[HERE]
    )
    return str(made['id'])


@pytest.fixture(scope='module')
def novas_own(nova_lab: NovaLab) -> Iterator[None]:
    """Nova's own program on each host of both sites."""
    with stock(*nova_lab.computes.values()):
        yield


@pytest.fixture(scope='module')
def opened(nova_lab: NovaLab) -> Iterator[None]:
    """A Glance that does for everybody what Nova's own program needs."""
    with opened_glance(nova_lab.lab):
        yield
