# SPDX-License-Identifier: Apache-2.0
"""What every pool of volumes does, in memory as on a real cluster.

Whoever runs these tests derives a class from :class:`VolumesContract` and
gives two fixtures:

``volumes``
    a ``Volumes`` of an otherwise quiet pool; what is in it before is left
    alone, and whatever is called ``contract-...`` is removed afterwards

``parent``
    the ``Snapshot`` of an image as Glance uploads one (protected) in
    another pool of that cluster, of 64 MiB
"""

from __future__ import annotations

import uuid
from concurrent import futures

import pytest
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.clones import count_clones
from rbd_multistore.ceph.listing import list_volumes
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import (
    Volume,
    Volumes,
    snapshot_size_bytes,
)

MIB = 1 << 20
PARENT_BYTES = 64 * MIB
PREFIX = 'contract-'


class VolumesContract:
    """Tests; see the module."""

    @pytest.fixture
    def name(self) -> str:
        return f'{PREFIX}{uuid.uuid4()}'

    def test_clone(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        made = volumes.clone(parent, name, None)
        assert made == Volume(name, volumes.pool, PARENT_BYTES, parent)
        assert volumes.show(name) == made

    def test_clone_that_is_larger(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        made = volumes.clone(parent, name, 80 * MIB)
        assert made == Volume(name, volumes.pool, 80 * MIB, parent)
        assert volumes.show(name) == made

    def test_clone_of_the_very_size(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        made = volumes.clone(parent, name, PARENT_BYTES)
        assert volumes.show(name) == made

    def test_clone_that_would_be_too_small(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        with pytest.raises(exceptions.SizeTooSmall) as caught:
            volumes.clone(parent, name, PARENT_BYTES - 1)
        assert caught.value.asked_bytes == PARENT_BYTES - 1
        assert caught.value.least_bytes == PARENT_BYTES
        assert not volumes.exists(name)

    def test_clone_to_a_name_that_is_taken(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        old = volumes.create(name, 4 * MIB)
        with pytest.raises(exceptions.VolumeExists, match=name):
            volumes.clone(parent, name, 80 * MIB)
        assert volumes.show(name) == old

    @pytest.mark.parametrize('part', ['pool', 'image', 'name'])
    def test_clone_of_what_is_not_there(
        self, volumes: Volumes, parent: Snapshot, name: str, part: str
    ) -> None:
        facts = {
            'pool': parent.pool,
            'image': parent.image,
            'name': parent.name,
            part: 'nowhere',
        }
        with pytest.raises(exceptions.SnapshotNotFound, match='nowhere'):
            volumes.clone(Snapshot(**facts), name, None)
        assert not volumes.exists(name)

    def test_clones_at_once(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        names = [f'{name}-{number}' for number in range(8)]
        with futures.ThreadPoolExecutor(8) as threads:
            made = threads.map(
                lambda one: volumes.clone(parent, one, 80 * MIB), names
            )
            assert [volume.name for volume in made] == names
        assert set(names) <= set(volumes.names())

    def test_clones_at_once_to_one_name(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        def clone(_: int) -> bool:
            try:
                volumes.clone(parent, name, 80 * MIB)
            except exceptions.VolumeExists:
                return False
            return True

        with futures.ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(clone, range(4))) == [
                False,
                False,
                False,
                True,
            ]
        assert volumes.show(name).size_bytes == 80 * MIB

    def test_create(self, volumes: Volumes, name: str) -> None:
        made = volumes.create(name, 4 * MIB)
        assert made == Volume(name, volumes.pool, 4 * MIB, None)
        assert volumes.show(name) == made

    def test_create_what_is_there(self, volumes: Volumes, name: str) -> None:
        old = volumes.create(name, 4 * MIB)
        with pytest.raises(exceptions.VolumeExists, match=name):
            volumes.create(name, 8 * MIB)
        assert volumes.show(name) == old

    def test_names_and_existence(self, volumes: Volumes, name: str) -> None:
        before = volumes.names()
        assert not volumes.exists(name)
        volumes.create(f'{name}-b', 4 * MIB)
        volumes.create(f'{name}-a', 4 * MIB)
        assert volumes.exists(f'{name}-a')
        found = volumes.names()
        assert list(found) == sorted(found)
        assert set(found) - set(before) == {f'{name}-a', f'{name}-b'}

    def test_show_what_is_not_there(self, volumes: Volumes, name: str) -> None:
        with pytest.raises(exceptions.VolumeNotFound, match=name):
            volumes.show(name)

    def test_list(self, volumes: Volumes, parent: Snapshot, name: str) -> None:
        made = [
            volumes.clone(parent, f'{name}-a', None),
            volumes.clone(parent, f'{name}-b', 80 * MIB),
            volumes.create(f'{name}-c', 4 * MIB),
            volumes.flatten(volumes.clone(parent, f'{name}-d', 80 * MIB).name),
        ]
        found = list_volumes(volumes)
        assert list(found) == sorted(found, key=lambda volume: volume.name)
        assert [v for v in found if v.name.startswith(name)] == made

    def test_count_clones(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        before = count_clones(volumes.cluster, parent)
        volumes.clone(parent, f'{name}-a', None)
        volumes.clone(parent, f'{name}-b', 80 * MIB)
        assert count_clones(volumes.cluster, parent) == before + 2
        volumes.flatten(f'{name}-b')
        assert count_clones(volumes.cluster, parent) == before + 1
        volumes.remove(f'{name}-a')
        assert count_clones(volumes.cluster, parent) == before

    @pytest.mark.parametrize(
        'nowhere',
        [Snapshot('images', 'nowhere', 'snap'), Snapshot('no', 'no', 'no')],
        ids=['image', 'pool'],
    )
    def test_count_clones_of_what_is_not_there(
        self, volumes: Volumes, nowhere: Snapshot
    ) -> None:
        with pytest.raises(
            (exceptions.SnapshotNotFound, exceptions.PoolNotFound)
        ):
            count_clones(volumes.cluster, nowhere)

    def test_count_clones_of_a_snapshot_that_is_not_there(
        self, volumes: Volumes, parent: Snapshot
    ) -> None:
        nowhere = Snapshot(parent.pool, parent.image, 'nowhere')
        with pytest.raises(exceptions.SnapshotNotFound):
            count_clones(volumes.cluster, nowhere)

    def test_resize(self, volumes: Volumes, name: str) -> None:
        volumes.create(name, 4 * MIB)
        assert volumes.resize(name, 8 * MIB).size_bytes == 8 * MIB
        assert volumes.resize(name, 8 * MIB).size_bytes == 8 * MIB
        assert volumes.show(name).size_bytes == 8 * MIB

    def test_resize_never_cuts_off(self, volumes: Volumes, name: str) -> None:
        volumes.create(name, 8 * MIB)
        with pytest.raises(exceptions.SizeTooSmall) as caught:
            volumes.resize(name, 4 * MIB)
        assert caught.value.asked_bytes == 4 * MIB
        assert caught.value.least_bytes == 8 * MIB
        assert volumes.show(name).size_bytes == 8 * MIB

    def test_flatten(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        volumes.clone(parent, name, None)
        flat = Volume(name, volumes.pool, PARENT_BYTES, None)
        assert volumes.flatten(name) == flat
        assert volumes.flatten(name) == flat

    def test_snapshots(self, volumes: Volumes, name: str) -> None:
        volumes.create(name, 4 * MIB)
        taken = volumes.create_snapshot(name, 's1')
        assert taken == Snapshot(volumes.pool, name, 's1')
        assert snapshot_size_bytes(volumes.cluster, taken) == 4 * MIB
        with pytest.raises(exceptions.VolumeExists):
            volumes.create_snapshot(name, 's1')
        with pytest.raises(exceptions.VolumeBusy):
            volumes.remove(name)
        volumes.remove_snapshot(name, 's1')
        with pytest.raises(exceptions.VolumeNotFound):
            volumes.remove_snapshot(name, 's1')
        volumes.remove(name)
        assert not volumes.exists(name)

    def test_remove(
        self, volumes: Volumes, parent: Snapshot, name: str
    ) -> None:
        volumes.clone(parent, name, None)
        volumes.remove(name)
        assert not volumes.exists(name)
        assert snapshot_size_bytes(volumes.cluster, parent) == PARENT_BYTES

    def test_remove_what_is_open(self, volumes: Volumes, name: str) -> None:
        volumes.create(name, 4 * MIB)
        with (
            volumes.cluster.pool(volumes.pool, 'hold it open') as disks,
            rbd.Image(disks, name),
            pytest.raises(exceptions.VolumeBusy, match='in use'),
        ):
            volumes.remove(name)
        assert volumes.exists(name)

    def test_trash(self, volumes: Volumes, name: str) -> None:
        volumes.create(name, 4 * MIB)
        volumes.trash(name)
        assert not volumes.exists(name)
        assert name not in volumes.names()
        # Its name is free again.
        volumes.create(name, 8 * MIB)

    @pytest.mark.parametrize(
        'act',
        [
            lambda volumes, name: volumes.resize(name, 4 * MIB),
            lambda volumes, name: volumes.flatten(name),
            lambda volumes, name: volumes.remove(name),
            lambda volumes, name: volumes.trash(name),
            lambda volumes, name: volumes.create_snapshot(name, 's1'),
            lambda volumes, name: volumes.remove_snapshot(name, 's1'),
        ],
        ids=[
            'resize',
            'flatten',
            'remove',
            'trash',
            'create_snapshot',
            'remove_snapshot',
        ],
    )
    def test_what_is_not_there(
        self, volumes: Volumes, name: str, act: object
    ) -> None:
        with pytest.raises(exceptions.VolumeNotFound, match=name):
            act(volumes, name)  # type: ignore[operator]
        assert not volumes.exists(name)

    @pytest.mark.parametrize('part', ['pool', 'image', 'name'])
    def test_size_of_a_snapshot_that_is_not_there(
        self, volumes: Volumes, parent: Snapshot, part: str
    ) -> None:
        facts = {
            'pool': parent.pool,
            'image': parent.image,
            'name': parent.name,
            part: 'nowhere',
        }
        with pytest.raises(exceptions.SnapshotNotFound, match='nowhere'):
            snapshot_size_bytes(volumes.cluster, Snapshot(**facts))

    def test_size_of_a_snapshot(
        self, volumes: Volumes, parent: Snapshot
    ) -> None:
        assert snapshot_size_bytes(volumes.cluster, parent) == PARENT_BYTES
