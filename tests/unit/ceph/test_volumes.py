# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

import pytest
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph import volumes as ceph_volumes
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volumes
from tests.unit.ceph.volumes_contract import MIB, VolumesContract
from tests.unit.fakes.server import CephServer

PARENT = Snapshot('images', 'one', 'snap')


@pytest.fixture
def volumes(cluster: Cluster) -> Volumes:
    return Volumes(cluster, 'vms')


@pytest.fixture
def parent() -> Snapshot:
    return PARENT


class TestInMemory(VolumesContract):
    """The volumes of the cluster in memory."""


@pytest.mark.parametrize('name', ['', 'a/b', 'a@b', 'n' * 97, 'é' * 49])
def test_name_that_cannot_be(volumes: Volumes, name: str) -> None:
    with pytest.raises(exceptions.InvalidName):
        ceph_volumes.check_name(name)
    with pytest.raises(exceptions.InvalidName):
        volumes.clone(PARENT, name, None)
    with pytest.raises(exceptions.InvalidName):
        volumes.create(name, MIB)
    assert volumes.names() == ()


@pytest.mark.parametrize('name', ['a', 'n' * 96, 'é' * 48, 'a b', '-x'])
def test_name_that_can_be(name: str) -> None:
    ceph_volumes.check_name(name)


@pytest.mark.parametrize(
    'error',
    [
        rbd.DiskQuotaExceeded('in the test', errno=122),
        rbd.Timeout('in the test', errno=110),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_clone_that_cannot_be_resized_is_removed(
    server: CephServer, volumes: Volumes, error: Exception
) -> None:
    server.fail('Image.resize', error)
    with pytest.raises((exceptions.CephError, KeyboardInterrupt)):
        volumes.clone(PARENT, 'v', 80 * MIB)
    assert volumes.names() == ()


def test_first_error_is_told_where_the_clone_stays(
    server: CephServer,
    volumes: Volumes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.fail('Image.resize', rbd.NoSpace('resizing', errno=28))
    server.fail('RBD.remove', rbd.ImageBusy('removing', errno=16))
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(exceptions.CephError, match='ENOSPC'),
    ):
        volumes.clone(PARENT, 'v', 80 * MIB)
    assert 'Could not remove v' in caplog.text
    assert volumes.names() == ('v',)


def test_clone_that_fails_is_not_removed(
    server: CephServer, volumes: Volumes
) -> None:
    server.fail('RBD.clone', rbd.IOError('cloning', errno=5))
    with pytest.raises(exceptions.CephError, match='images/one@snap'):
        volumes.clone(PARENT, 'v', 80 * MIB)
    assert 'RBD.remove' not in server.calls


def test_clone_to_a_taken_name_is_not_removed(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.create('v', MIB)
    with pytest.raises(exceptions.VolumeExists):
        volumes.clone(PARENT, 'v', 80 * MIB)
    assert 'RBD.remove' not in server.calls
    assert 'Image.resize' not in server.calls


def test_clone_in_a_pool_that_is_not_there(cluster: Cluster) -> None:
    nowhere = Volumes(cluster, 'nowhere')
    # Not SnapshotNotFound: another location would not help.
    with pytest.raises(exceptions.PoolNotFound, match='nowhere'):
        nowhere.clone(PARENT, 'v', None)


def test_parent_that_may_not_be_read(
    server: CephServer, volumes: Volumes
) -> None:
    server.fail('Image', rbd.PermissionError('opening', errno=1))
    with pytest.raises(exceptions.CephForbidden, match='profile rbd'):
        ceph_volumes.snapshot_size_bytes(volumes.cluster, PARENT)


def test_exists_is_not_told_of_trouble(
    server: CephServer, volumes: Volumes
) -> None:
    server.fail('Image', rbd.Timeout('opening', errno=110))
    with pytest.raises(exceptions.ClusterUnavailable):
        volumes.exists('v')


def test_listing_opens_nothing(server: CephServer, volumes: Volumes) -> None:
    volumes.create('v', MIB)
    assert volumes.names() == ('v',)
    assert 'Image' not in server.calls


def test_looking_leaves_a_volume_free(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.create('v', MIB)
    volumes.show('v')
    volumes.resize('v', 2 * MIB)
    volumes.flatten('v')
    with pytest.raises(exceptions.SizeTooSmall):
        volumes.resize('v', MIB)
    assert server.pools['vms']['v'].writers == 0
    assert server.pools['images']['one'].writers == 0


def test_showing_is_not_writing(server: CephServer, volumes: Volumes) -> None:
    volumes.create('v', MIB)
    volumes.show('v')
    ceph_volumes.snapshot_size_bytes(volumes.cluster, PARENT)
    # A client that has it open so is left in peace.
    assert 'Image for writing' not in server.calls


def test_trash_can_be_emptied_later(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.create('v', MIB)
    volumes.trash('v', delay_s=60)
    assert server.trash['vms'] == ['v']
