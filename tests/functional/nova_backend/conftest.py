# SPDX-License-Identifier: Apache-2.0
"""Nova's own code in this process, on the lab's Ceph, Glance and libvirt.

Needs Nova: tests/nova-requirements.txt. Without it, nothing here is run.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('nova')

with warnings.catch_warnings():
    # What Nova's own libraries say of each other.
    warnings.simplefilter('ignore')
    import nova.compute.manager  # noqa: F401
    from nova import objects

    from tests.functional.nova_backend import compute

from tests.functional.main_job.conftest import (  # noqa: E402, F401
    disks,
    disks_a,
    upload,
)
from tests.functional.main_job.uploads import Uploads  # noqa: E402
from tests.functional.nova_backend.compute import Compute, Side  # noqa: E402
from tests.lab.lab import Lab  # noqa: E402


@pytest.fixture(scope='session', autouse=True)
def nova_objects() -> None:
    objects.register_all()


@pytest.fixture
def compute_at(
    lab: Lab,
    demo_session: Any,
    upload: Uploads,  # noqa: F811
    tmp_path: Path,
) -> Iterator[Callable[..., Compute]]:
    """Gives a nova-compute's configuration and context, as ours or Nova's."""
    with contextlib.ExitStack() as stack:
        made: list[Compute] = []

        def make(
            side: Side = Side.OURS, site: str = 'site_a', **options: Any
        ) -> Compute:
            host = tmp_path / f'host-{len(made)}'
            host.mkdir()
            one = Compute(lab, demo_session, site, host, options)
            made.append(one)
            stack.enter_context(one.serving(side))
            return one

        yield make
        for one in made:
            one.clean_up()


@pytest.fixture
def ours(compute_at: Callable[..., Compute]) -> Compute:
    return compute_at()


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts a program of Ceph's."""
    compute.forbid(monkeypatch, 'ceph', 'rbd', 'rados')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Nova warn of what it likes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings('default'))
