# SPDX-License-Identifier: Apache-2.0
"""Blank volumes, through a libvirt pool that is active or merely defined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import libvirt
import pytest
from oslo_utils import units

from rbd_multistore import exceptions
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.storage import StoragePool
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded
from tests.lab import virt
from tests.lab.lab import Lab

POOL = virt.pool_name('site_a')
PRECIOUS = b'precious' * 1024


@pytest.fixture
def pool(lab: Lab) -> Iterator[libvirt.virStoragePool]:
    """The site's storage pool, as libvirt has it."""
    with lab.libvirt.connect() as connection:
        yield connection.storagePoolLookupByName(POOL)


@pytest.fixture
def active(
    pool: libvirt.virStoragePool,
) -> Iterator[libvirt.virStoragePool]:
    """The same, active for the time of the test."""
    pool.create()
    yield pool
    pool.destroy()


def test_through_an_inactive_pool(
    demo: Program,
    pool: libvirt.virStoragePool,
    disks_a: Disks,
    name: str,
) -> None:
    assert not pool.isActive()
    made = demo.done('volume', 'create', name, '--size', '3')
    del made['seconds']
    assert made == {
        'name': name,
        'pool': 'vms',
        'size': 3 * units.Gi,
        'parent': '',
        'copied': False,
    }
    assert disks_a.seen(name) == (3 * units.Gi, frozenset())
    assert not pool.isActive()


def test_through_an_active_pool(
    demo: Program,
    active: libvirt.virStoragePool,
    disks_a: Disks,
    name: str,
) -> None:
    """libvirt knows it at once, without a refresh."""
    made = demo.done('volume', 'create', name, '--size', '1')
    assert made['size'] == units.Gi
    _, capacity, _ = active.storageVolLookupByName(name).info()
    assert capacity == units.Gi
    assert disks_a.seen(name) == (units.Gi, frozenset())


def test_name_that_only_ceph_knows(
    demo: Program,
    active: libvirt.virStoragePool,
    disks_a: Disks,
    name: str,
    nothing_left: Callable[[], AbstractContextManager[None]],
) -> None:
    """The active pool's list is stale: the volume was made behind it."""
    disks_a.make(name, PRECIOUS, snapshot='kept')
    assert name not in active.listVolumes()
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--size', '1')
    assert f'Volume {name} is in pool vms already' in error
    assert disks_a.read(name) == PRECIOUS
    assert disks_a.read(name, snapshot='kept') == PRECIOUS


def test_name_that_somebody_takes_meanwhile(
    lab: Lab,
    active: libvirt.virStoragePool,
    disks_a: Disks,
    name: str,
    nothing_left: Callable[[], AbstractContextManager[None]],
) -> None:
    """After our own look, and before libvirt makes it: libvirt must not
    take the other's volume away when its own attempt fails."""
    disks_a.make(name, PRECIOUS, snapshot='kept')
    daemon = Libvirt(lab.libvirt.uri)
    with nothing_left(), pytest.raises(exceptions.VirtError):
        StoragePool(daemon, POOL).create_volume(name, units.Gi)
    daemon.close()
    assert disks_a.read(name) == PRECIOUS
    assert disks_a.read(name, snapshot='kept') == PRECIOUS


def test_name_that_only_libvirt_knows(
    demo: Program,
    active: libvirt.virStoragePool,
    disks_a: Disks,
    name: str,
) -> None:
    """A volume was removed behind the pool's back; its name is free."""
    demo.done('volume', 'create', name, '--size', '1')
    disks_a.remove(name)
    assert name in active.listVolumes()
    made = demo.done('volume', 'create', name, '--size', '2')
    assert made['size'] == 2 * units.Gi
    assert disks_a.seen(name) == (2 * units.Gi, frozenset())


def test_clone_wakes_no_pool(
    demo: Program,
    pool: libvirt.virStoragePool,
    cached: Uploaded,
    name: str,
) -> None:
    """Starting a pool opens every image in it."""
    demo.done('volume', 'create', name, '--image', cached.id)
    assert not pool.isActive()
