# SPDX-License-Identifier: Apache-2.0
"""What the tests of the main job share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rbd_multistore.site import Site
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.library import site_from
from tests.functional.main_job.program import Program, write_conf
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.lab import images, inventory, keystone
from tests.lab.lab import Lab


@pytest.fixture(scope='session')
def demo_environ(lab: Lab) -> dict[str, str]:
    """``OS_*`` as a plain member of a project has them."""
    credentials = {
        **lab.keystone.credentials(keystone.DEMO),
        'auth_type': 'password',
        'region_name': keystone.REGION,
    }
    return {f'OS_{k.upper()}': v for k, v in credentials.items()}


@pytest.fixture
def demo(lab: Lab, demo_environ: dict[str, str]) -> Program:
    """The program at site_a, for a plain member of a project."""
    return Program(lab.paths.site_conf('site_a'), demo_environ)


@pytest.fixture
def demo_at_b(lab: Lab, demo: Program) -> Program:
    return demo.with_conf(lab.paths.site_conf('site_b'))


@pytest.fixture
def conf_with(lab: Lab, tmp_path: Path) -> Callable[..., Path]:
    """Writes the config file of a site with some options changed."""

    def write(site: str = 'site_a', **changes: Any) -> Path:
        base = lab.paths.site_conf(site)
        return write_conf(tmp_path / 'changed.conf', base, **changes)

    return write


@pytest.fixture
def demo_with(
    demo: Program, conf_with: Callable[..., Path]
) -> Callable[..., Program]:
    """Gives the program at a site with some options changed."""
    return lambda *site, **changes: demo.with_conf(conf_with(*site, **changes))


@pytest.fixture
def library(
    lab: Lab,
    demo_environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """The library at site_a, in this process, for a plain member."""
    for variable, value in demo_environ.items():
        monkeypatch.setenv(variable, value)
    with site_from(lab.paths.site_conf('site_a'), demo_environ) as site:
        yield site


@pytest.fixture(scope='session')
def lasting(
    admin_glance: Any,
    demo_glance: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Uploads]:
    """Uploads images that no test changes."""
    with images.cleaned(admin_glance) as found:
        directory = tmp_path_factory.mktemp('lasting')
        yield Uploads(found, demo_glance, directory)


@pytest.fixture(scope='session')
def cached(lasting: Uploads) -> Uploaded:
    """An image that is at site_a."""
    return lasting('site_a')


@pytest.fixture(scope='session')
def central(lasting: Uploads) -> Uploaded:
    """An image that is at no site; only for what is refused."""
    return lasting()


@pytest.fixture
def upload(
    lab_images: images.Images, demo_glance: Any, tmp_path: Path
) -> Uploads:
    """Uploads images for one test."""
    return Uploads(lab_images, demo_glance, tmp_path)


@pytest.fixture(scope='session')
def disks(lab: Lab) -> Iterator[dict[str, Disks]]:
    """The RBD images of each site."""
    with contextlib.ExitStack() as stack:
        yield {
            name: Disks(stack.enter_context(cluster.connect()))
            for name, cluster in lab.clusters.items()
        }


@pytest.fixture
def disks_a(disks: dict[str, Disks]) -> Disks:
    return disks['site_a']


@pytest.fixture
def new_name(
    upload: Uploads,
    disks: dict[str, Disks],
    unique: Callable[[str], str],
) -> Iterator[Callable[[], str]]:
    """Gives names for volumes, which are gone after the test.

    They go before the images, which their clones would hold.
    """
    given = []

    def give() -> str:
        given.append(unique('volume'))
        return given[-1]

    yield give
    for name in given:
        for site in disks.values():
            site.remove(name)


@pytest.fixture
def name(new_name: Callable[[], str]) -> str:
    return new_name()


@pytest.fixture
def directory_pool(
    lab: Lab, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[str]:
    """Name of a pool of libvirt's that is no RBD pool."""
    name = unique('pool')
    with lab.libvirt.connect() as connection:
        pool = connection.storagePoolDefineXML(
            f"<pool type='dir'><name>{name}</name>"
            f'<target><path>{tmp_path}</path></target></pool>'
        )
        yield name
        pool.undefine()


@pytest.fixture
def nothing_left(
    lab: Lab, admin_glance: Any
) -> Callable[[], AbstractContextManager[None]]:
    """Gives a block after which all is as before, at both sites and in
    Glance: volumes, snapshots, locks and trash; images, the stores that hold
    them, copies and their locks."""

    def everything() -> set[str]:
        found = set(_images(admin_glance))
        for name, cluster in lab.clusters.items():
            found |= {f'{name}: {it}' for it in inventory.take(cluster)}
        return found

    @contextlib.contextmanager
    def block() -> Iterator[None]:
        before = everything()
        yield
        after = everything()
        assert after - before == set()
        assert before - after == set()

    return block


def _images(admin_glance: Any) -> Iterator[str]:
    keys = (
        'id',
        'status',
        'stores',
        'os_glance_import_task',
        'os_glance_importing_to_stores',
    )
    for image in admin_glance.images.list():
        facts = (f'{key}={image.get(key) or ""}' for key in keys)
        yield f'image {" ".join(facts)}'
