# SPDX-License-Identifier: Apache-2.0
"""The lab as pytest fixtures."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import session as ks_session

from tests.lab import ceph, image, images, inventory, keystone, layout
from tests.lab.lab import Lab

#: Set in the environment, it leaves a lab up that the tests brought up.
KEEP = 'RBD_MULTISTORE_KEEP_LAB'

MIB = 1024**2


@pytest.fixture(scope='session')
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """The checkout's lab, up.  It is taken down at the end only if nothing of
    it ran at the beginning."""
    one = Lab.of(layout.Layout.of_checkout())
    found = any(daemon.running() for daemon in one.daemons())
    say = teller(pytestconfig)
    running = one.up(say)
    yield running
    if not found and not os.environ.get(KEEP):
        running.down(say)


@pytest.fixture(scope='session')
def admin_session(lab: Lab) -> Iterator[ks_session.Session]:
    """Credentials of the cloud's administrator."""
    yield from _session(lab, keystone.ADMIN)


@pytest.fixture(scope='session')
def demo_session(lab: Lab) -> Iterator[ks_session.Session]:
    """Credentials of a plain member of the project ``demo``."""
    yield from _session(lab, keystone.DEMO)


@pytest.fixture(scope='session')
def service_session(lab: Lab) -> Iterator[ks_session.Session]:
    """Credentials of the service user ``rbd-multistore``."""
    yield from _session(lab, keystone.SERVICE)


@pytest.fixture(scope='session')
def admin_glance(lab: Lab, admin_session: ks_session.Session) -> Any:
    return images.client(lab, admin_session)


@pytest.fixture(scope='session')
def demo_glance(lab: Lab, demo_session: ks_session.Session) -> Any:
    return images.client(lab, demo_session)


@pytest.fixture(scope='session')
def service_glance(lab: Lab, service_session: ks_session.Session) -> Any:
    return images.client(lab, service_session)


@pytest.fixture(scope='session')
def site_a(lab: Lab) -> ceph.Cluster:
    return lab.clusters['site_a']


@pytest.fixture(scope='session')
def site_b(lab: Lab) -> ceph.Cluster:
    return lab.clusters['site_b']


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Makes a name that nobody has, from the test's name and a word."""

    def name(word: str = 'it') -> str:
        test: str = request.node.originalname
        return f'{test}-{word}-{uuid.uuid4().hex[:8]}'

    return name


@pytest.fixture
def lab_images(admin_glance: Any) -> Iterator[images.Images]:
    """Images of one test."""
    with images.cleaned(admin_glance) as found:
        yield found


@pytest.fixture(scope='module')
def module_images(admin_glance: Any) -> Iterator[images.Images]:
    """Images of one module of tests."""
    with images.cleaned(admin_glance) as found:
        yield found


@pytest.fixture(scope='session')
def bootable(lab: Lab) -> Path:
    """The bootable raw image of 256 MiB; see :mod:`tests.lab.image`."""
    return lab.paths.image


@pytest.fixture(scope='session')
def small_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bootable raw image of 16 MiB, for tests that want to be quick."""
    path = tmp_path_factory.mktemp('images') / 'small.raw'
    image.make(path, 16 * MIB, seed=1)
    return path


@pytest.fixture(scope='session')
def small_qcow2(small_raw: Path) -> Path:
    """The same as qcow2."""
    path = small_raw.with_suffix('.qcow2')
    subprocess.run(
        ['qemu-img', 'convert', '-O', 'qcow2', str(small_raw), str(path)],
        check=True,
    )
    return path


@pytest.fixture
def nothing_left() -> Callable[..., AbstractContextManager[None]]:
    """``with nothing_left(site_a):`` fails if the block leaves an image, a
    snapshot, a lock or trash in the pools; see :mod:`tests.lab.inventory`."""
    return inventory.nothing_left


def _session(
    lab: Lab, person: keystone.Person
) -> Iterator[ks_session.Session]:
    session = lab.keystone.session(person)
    yield session
    session.session.close()


def teller(config: pytest.Config) -> Callable[[str], None]:
    """Says a line on the terminal, past pytest's capture."""
    capture = config.pluginmanager.getplugin('capturemanager')

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f'\n{line}', end='', flush=True)

    return say
