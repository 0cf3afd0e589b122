# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import rbd

from rbd_multistore import exceptions
from rbd_multistore.backend import Backend, Created
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volume
from rbd_multistore.glance.image import Location
from tests.unit.glance.memory import location
from tests.unit.parts import MIB, POOL, Parts

SIZE = 64 * MIB
OTHER = '11111111-2222-4333-8444-555555555555'


@pytest.fixture
def parts() -> Parts:
    return Parts()


def nothing_made(parts: Parts) -> bool:
    """Tell whether there is no volume and no snapshot that was made."""
    [*snapshots] = [
        (name, list(image.snapshots))
        for name, image in parts.ceph.pools['images'].items()
        if list(image.snapshots) != ['snap']
    ]
    return parts.ceph.pools['vms'] == {} and not snapshots


def test_hit(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    made = parts.backend.create_from_image('v', image.id)
    parent = Snapshot('images', image.id, 'snap')
    assert made == Created(Volume('v', 'vms', SIZE, parent), False, 3)
    assert parts.volumes.show('v') == made.volume
    assert parts.copier.brought == []


def test_hit_by_name_and_larger(parts: Parts) -> None:
    image = parts.add_image('site_a', name='one')
    made = parts.backend.create_from_image('v', 'one', 1 << 30)
    assert made.volume.size_bytes == 1 << 30
    assert parts.volumes.show('v').size_bytes == 1 << 30
    assert made.volume.parent == Snapshot('images', image.id, 'snap')


@pytest.mark.parametrize('stores', [('central',), ('site_b',)])
def test_miss(parts: Parts, stores: tuple[str, ...]) -> None:
    image = parts.add_image(*stores)
    if stores == ('site_b',):
        parts.cloud.locations[image.id] = (
            location(image.id, 'site_b', fsid='another'),
        )
    made = parts.backend.create_from_image('v', image.id, 1 << 30)
    parent = Snapshot('images', image.id, 'snap')
    assert made == Created(Volume('v', 'vms', 1 << 30, parent), True, 3)
    assert parts.copier.brought == [image.id]
    # The next one is a hit.
    assert not parts.backend.create_from_image('w', image.id).copied
    assert parts.copier.brought == [image.id]


def test_watch_is_told_of_the_copy(parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.told = ['some', 'more']
    heard: list[Any] = []
    parts.backend.create_from_image('v', image.id, None, heard.append)
    assert heard == ['some', 'more']


def test_miss_without_a_watch(parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.told = ['some', 'more']
    assert parts.backend.create_from_image('v', image.id).copied


def test_miss_without_a_store(parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.store = None
    with pytest.raises(
        exceptions.ImageNotCloneable, match='glance_store_name'
    ) as caught:
        parts.backend.create_from_image('v', image.id)
    [url] = [place.url for place in parts.cloud.locations[image.id]]
    assert caught.value.reasons == (
        f'{url}: not in RBD, or not a snapshot there',
    )
    assert url in str(caught.value)
    assert parts.copier.brought == []
    assert nothing_made(parts)


def test_hit_without_a_store(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    parts.copier.store = None
    assert not parts.backend.create_from_image('v', image.id).copied


def test_copy_to_a_store_of_another_cluster(parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.store = 'site_b'
    with pytest.raises(
        exceptions.ImageNotCloneable, match='libvirt_pool to one site'
    ) as caught:
        parts.backend.create_from_image('v', image.id)
    assert 'site_b' in str(caught.value)
    assert len(caught.value.reasons) == 2
    assert nothing_made(parts)


@pytest.mark.parametrize(
    'error',
    [
        exceptions.CopyFailed('no', 'image', 'site_a'),
        exceptions.CopyTimeout('no', 'image', 'site_a'),
        exceptions.ImageNotFound('no', 'image'),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_copy_that_fails(parts: Parts, error: BaseException) -> None:
    image = parts.add_image('central')
    parts.copier.error = error
    with pytest.raises(type(error)) as caught:
        parts.backend.create_from_image('v', image.id)
    assert caught.value is error
    assert nothing_made(parts)


@pytest.mark.parametrize(
    ('changes', 'size', 'least'),
    [
        ({}, SIZE - 1, SIZE),
        ({'virtual_size_bytes': 0}, SIZE - 1, SIZE),
        ({'min_disk_gib': 2}, 1 << 30, 2 << 30),
        ({'virtual_size_bytes': 3 << 30}, 2 << 30, 3 << 30),
    ],
)
@pytest.mark.parametrize('store', ['central', 'site_a'])
def test_size_that_is_too_small(
    parts: Parts, store: str, changes: dict[str, int], size: int, least: int
) -> None:
    image = parts.add_image(store, **changes)
    with pytest.raises(exceptions.SizeTooSmall) as caught:
        parts.backend.create_from_image('v', image.id, size)
    assert caught.value.asked_bytes == size
    assert caught.value.least_bytes == least
    assert parts.ceph.calls == []
    assert parts.copier.brought == []


@pytest.mark.parametrize(
    ('changes', 'wanted'),
    [
        ({'disk_format': 'qcow2'}, exceptions.ImageNotCloneable),
        ({'disk_format': 'iso'}, exceptions.ImageNotCloneable),
        ({'status': 'queued'}, exceptions.ImageNotActive),
        ({'status': 'deactivated'}, exceptions.ImageNotActive),
    ],
)
@pytest.mark.parametrize('store', ['central', 'site_a'])
def test_image_that_cannot_be_used(
    parts: Parts, store: str, changes: dict[str, str], wanted: type[Exception]
) -> None:
    image = parts.add_image(store, **changes)
    [said] = changes.values()
    with pytest.raises(wanted, match=said):
        parts.backend.create_from_image('v', image.id)
    assert parts.ceph.calls == []
    # No copy is made that would then be of no use.
    assert parts.copier.brought == []


def test_image_that_is_not_there(parts: Parts) -> None:
    for wanted in (OTHER, 'one'):
        with pytest.raises(exceptions.ImageNotFound):
            parts.backend.create_from_image('v', wanted)
    assert parts.ceph.calls == []


@pytest.mark.parametrize('store', ['central', 'site_a'])
def test_name_that_is_taken(parts: Parts, store: str) -> None:
    image = parts.add_image(store)
    old = parts.volumes.create('v', MIB)
    with pytest.raises(exceptions.VolumeExists):
        parts.backend.create_from_image('v', image.id)
    assert parts.volumes.show('v') == old
    # It is refused before anybody waits for a copy.
    assert parts.copier.brought == []


def test_name_that_cannot_be(parts: Parts) -> None:
    image = parts.add_image('site_a')
    with pytest.raises(exceptions.InvalidName):
        parts.backend.create_from_image('a/b', image.id)
    with pytest.raises(exceptions.InvalidName):
        parts.backend.create_blank('a@b', MIB)
    assert nothing_made(parts)


def test_first_location_cannot_be_opened(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    gone = location(image.id, 'site_a').url.replace('/images/', '/old/')
    parts.cloud.locations[image.id] = (
        Location(gone, 'site_a'),
        *parts.cloud.locations[image.id],
    )
    made = parts.backend.create_from_image('v', image.id)
    assert made.volume.parent == Snapshot('images', image.id, 'snap')
    assert not made.copied


def test_only_location_cannot_be_opened(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    parts.ceph.pools['images'].clear()
    # Glance may know better: it is asked to copy the image anew.
    assert parts.backend.create_from_image('v', image.id).copied


def test_failure_after_the_clone_leaves_nothing(parts: Parts) -> None:
    image = parts.add_image('site_a')
    error = rbd.DiskQuotaExceeded('resizing', errno=122)
    parts.ceph.fail('Image.resize', error)
    with pytest.raises(exceptions.CephError, match='EDQUOT'):
        parts.backend.create_from_image('v', image.id, 1 << 30)
    assert nothing_made(parts)
    assert parts.copier.brought == []


def test_cluster_that_is_down(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    parts.ceph.is_up = False
    with pytest.raises(exceptions.ClusterUnavailable):
        parts.backend.create_from_image('v', image.id)
    # No reason to have anything copied.
    assert parts.copier.brought == []


# Blank volumes.


def test_blank_in_an_inactive_pool(parts: Parts) -> None:
    made = parts.backend.create_blank('v', MIB)
    assert made == Created(Volume('v', 'vms', MIB, None), False, 3)
    assert parts.volumes.show('v') == made.volume
    assert parts.libvirt.pools[POOL].volumes == {}


def test_blank_in_an_active_pool(parts: Parts) -> None:
    pool = parts.libvirt.pools[POOL]
    pool.active = True

    class Volumes(dict[str, str]):
        def __setitem__(self, name: str, xml: str) -> None:
            # What libvirt does for real.
            parts.volumes.create(name, MIB)
            super().__setitem__(name, xml)

    pool.volumes = Volumes()
    made = parts.backend.create_blank('v', MIB)
    assert made.volume == Volume('v', 'vms', MIB, None)
    assert list(pool.volumes) == ['v']


def test_blank_without_libvirt(parts: Parts) -> None:
    backend = Backend(
        parts.images,
        parts.volumes,
        None,
        parts.copier,  # type: ignore[arg-type]
    )
    assert backend.create_blank('v', MIB).volume.size_bytes == MIB


@pytest.mark.parametrize('active', [True, False])
def test_blank_to_a_name_that_is_taken(parts: Parts, active: bool) -> None:
    parts.libvirt.pools[POOL].active = active
    old = parts.volumes.create('v', MIB)
    with pytest.raises(exceptions.VolumeExists):
        parts.backend.create_blank('v', 2 * MIB)
    assert parts.volumes.show('v') == old
    assert parts.libvirt.pools[POOL].volumes == {}


# What is said of each location.


def test_verdicts(parts: Parts) -> None:
    image = parts.add_image('central', 'site_a', 'site_b')
    said = [
        (verdict.location.store, verdict.cloneable, verdict.reason)
        for verdict in parts.backend.verdicts(image)
    ]
    assert said == [
        ('central', False, 'not in RBD, or not a snapshot there'),
        ('site_a', True, ''),
        ('site_b', False, 'belongs to Glance store site_b, not site_a'),
    ]
    assert nothing_made(parts)


def test_verdict_of_a_snapshot_that_is_gone(parts: Parts) -> None:
    image = parts.add_image('site_a')
    del parts.ceph.pools['images'][image.id]
    [verdict] = parts.backend.verdicts(image)
    assert not verdict.cloneable
    assert verdict.reason == f'images/{image.id}@snap is not in the cluster.'


def test_verdict_of_a_snapshot_that_may_not_be_read(parts: Parts) -> None:
    image = parts.add_image('site_a')
    parts.ceph.fail('Image', rbd.PermissionError('opening', errno=1))
    [verdict] = parts.backend.verdicts(image)
    assert 'cephx user' in verdict.reason


def test_no_location(parts: Parts) -> None:
    image = parts.add_image()
    assert parts.backend.verdicts(image) == ()
