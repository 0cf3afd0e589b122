# SPDX-License-Identifier: Apache-2.0
"""The same calls on our class and on Nova's own, in the same place.

What comes of them is the same, but for ``MEANT``. Nova's own finds an
image's locations only where Glance shows them to everybody
(``show_multiple_locations``): it is shown them here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import libvirt
import pytest
import rbd
from nova import exception
from nova.storage import rbd_utils
from nova.virt.libvirt import imagebackend, imagecache
from nova.virt.libvirt import utils as libvirt_utils

from tests.functional.main_job.disks import IMAGES, Disks
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.functional.nova_backend.compute import Compute, Side

MIB = 1 << 20
GIB = 1 << 30

#: What is meant to differ, and why.
MEANT = {
    'errors of librbd': 'A volume that is not there is DiskNotFound, and '
    "other trouble StorageError: librbd's own classes are no part of Nova's "
    'and nobody there catches them.',
    'shrinking': 'A volume is never cut off, as nobody in Nova means to.',
    'base file': 'An image is cloned whether its base file is in the cache '
    'or not.',
    'download': 'What was downloaded is in the pool once, and cloned.',
    'deactivated': 'An image that an administrator deactivated is not used.',
    'too small': 'Found out before a volume is made.',
    'snapshot format': 'A direct snapshot is raw; where another format was '
    'asked for, the snapshot is converted and uploaded.',
    'snapshot pool': "The pool of this site's Glance store, whatever the "
    'parent is.',
    'ignored errors': 'remove_snap with ignore_errors of a volume that is '
    'gone says nothing.',
    'gone already': 'A volume that somebody else removed is no error of '
    'cleanup_volumes.',
}


SHOWN: set[str] = set()


def meant(difference: str) -> Callable[[Any], Any]:
    """Mark the test that shows one of ``MEANT``."""
    assert difference in MEANT
    SHOWN.add(difference)
    return lambda test: test


@pytest.fixture
def host(compute_at: Callable[..., Compute]) -> Compute:
    return compute_at(Side.NOVAS)


@pytest.fixture(autouse=True)
def shown_locations(service_glance: Any) -> Iterator[None]:
    """What Nova is shown where ``show_multiple_locations`` is set."""
    api = imagebackend.IMAGE_API
    real = api.get

    def get(context: Any, image_id: str, **kwargs: Any) -> Any:
        found = real(context, image_id, **kwargs)
        if kwargs.get('include_locations'):
            found['locations'] = service_glance.images.get_image_locations(
                image_id
            )
        return found

    with mock.patch.object(api, 'get', get):
        yield


class Seen:
    """A pool, with an instance's name taken out of everything."""

    def __init__(self, disks: Disks, instance: Any):
        self.disks = disks
        self.instance = instance

    def plain(self, words: Any) -> str:
        return str(words).replace(self.instance.uuid, 'UUID')

    def volumes(self) -> dict[str, Any]:
        return {
            self.plain(name): self._volume(name)
            for name in sorted(self.disks.names())
            if name.startswith(self.instance.uuid)
        }

    def _volume(self, name: str) -> tuple[object, ...]:
        with self.disks.opened(name) as image:
            try:
                parent = image.parent_info()
            except rbd.ImageNotFound:
                parent = None
            data = image.read(0, min(image.size(), 32 * MIB))
            snapshots = [
                (s['name'], image.is_protected_snap(s['name']))
                for s in image.list_snaps()
            ]
            return (
                image.size(),
                image.features(),
                image.stat()['order'],
                parent,
                snapshots,
                hashlib.sha256(data).hexdigest(),
            )

    def outcome(self, call: Callable[[], Any]) -> tuple[str, Any]:
        try:
            return 'returned', self.plain(call())
        except Exception as exc:
            kinds = (
                cls.__name__
                for cls in type(exc).__mro__
                if cls.__module__ == 'nova.exception'
            )
            return 'raised', next(kinds, type(exc).__name__)


Scenario = Callable[[Compute, Any, Seen], list[Any]]


@pytest.fixture
def same(host: Compute, disks_a: Disks) -> Callable[[Scenario], list[Any]]:
    """Plays a scenario on both, and compares."""

    def play(side: Side, scenario: Scenario) -> list[Any]:
        host.switch_on(side)
        for path in host.base_files():
            path.unlink()
        instance = host.instance()
        seen = Seen(disks_a, instance)
        told = scenario(host, instance, seen)
        volumes = seen.volumes()
        for name in volumes:
            disks_a.remove(name.replace('UUID', instance.uuid))
        return [*told, volumes]

    def compare(scenario: Scenario) -> list[Any]:
        novas = play(Side.NOVAS, scenario)
        ours = play(Side.OURS, scenario)
        assert ours == novas
        return ours

    return compare


@pytest.fixture
def image(upload: Uploads) -> Uploaded:
    """An image that is at the site."""
    return upload('site_a')


def file_of(data: bytes) -> Callable[..., None]:
    """What makes a base file."""

    def fetch(target: str, **_others: Any) -> None:
        Path(target).write_bytes(data)

    return fetch


def test_root_from_an_image(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        host.root(instance, image.id)
        disk = host.disk(instance)
        return [disk.exists(), disk.get_disk_size('any'), seen.volumes()]

    [exists, size, volumes, _] = same(scenario)
    assert (exists, size) == (True, GIB)
    assert volumes['UUID_disk'][3] == (IMAGES, image.id, 'snap')


def test_rescue_is_as_large_as_the_image(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id, '.rescue')
        return []

    assert same(scenario)[-1]['UUID_disk.rescue'][0] == len(image.data)


def test_clone_alone(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        disk = host.disk(instance)
        return [seen.outcome(lambda: disk.clone(host.context, image.id))]

    same(scenario)


@pytest.mark.parametrize('size', [4 * MIB, 20 * MIB])
def test_ephemeral(same: Any, size: int) -> None:
    """From a base file with data, zeros and a hole at its end."""
    data = b'1' * MIB + bytes(MIB) + b'2' * 100

    def fetch(target: str, **_others: Any) -> None:
        with Path(target).open('wb') as base:
            base.write(data)
            base.truncate(4 * MIB)

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        for name in ('disk.eph0', 'disk.eph1'):
            host.disk(instance, name).cache(
                fetch_func=fetch,
                context=host.context,
                filename='ephemeral_1_abcdefg',
                size=size,
                ephemeral_size=1,
                safe=True,
            )
        return [[path.name for path in host.base_files()]]

    [files, volumes] = same(scenario)
    assert files == ['ephemeral_1_abcdefg']
    assert volumes['UUID_disk.eph1'][0] == size


def test_base_file_larger_than_the_disk(same: Any) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        disk = host.disk(instance, 'disk.swap')
        return [
            seen.outcome(
                lambda: disk.cache(
                    fetch_func=file_of(b'1' * 2 * MIB),
                    context=host.context,
                    filename='swap_1',
                    size=MIB,
                    swap_mb=1,
                )
            )
        ]

    assert same(scenario)[0] == ('raised', 'FlavorDiskSmallerThanImage')


def test_config_drive(same: Any, tmp_path: Path) -> None:
    drive = tmp_path / 'disk.config'

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        disk = host.disk(instance, 'disk.config')
        for byte in (b'1', b'2'):
            drive.write_bytes(byte * 409600)
            disk.import_file(instance, str(drive), 'disk.config')
        return []

    assert same(scenario)[-1]['UUID_disk.config'][0] == 409600


@pytest.mark.parametrize(
    ('mapping', 'specs', 'unit'),
    [
        ({}, {}, None),
        ({'bus': 'scsi', 'dev': 'sda'}, {}, 3),
        ({'type': 'cdrom', 'bus': 'ide', 'dev': 'hda'}, {}, None),
        ({}, {'quota:disk_read_iops_sec': '7', 'other': '1'}, None),
    ],
)
def test_guest_xml(
    same: Any, mapping: dict[str, str], specs: dict[str, str], unit: Any
) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        disk = host.disk(instance, **mapping)
        info = disk.libvirt_info('writeback', specs, '1', unit)
        return [seen.plain(info.to_xml()), seen.plain(disk.path)]

    [xml, path, _] = same(scenario)
    assert '<auth username="nova">' in xml
    assert path.startswith('rbd:vms/UUID_disk:id=nova:conf=')


def test_swap(same: Any) -> None:
    """Made once for the host, and written for each instance."""
    made: list[str] = []

    def fetch(target: str, **_others: Any) -> None:
        made.append(target)
        with Path(target).open('wb') as base:
            base.write(b'swap')
            base.truncate(2 * MIB)

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        made.clear()
        disk = host.disk(instance, 'disk.swap')
        for _ in range(2):
            disk.cache(
                fetch_func=fetch,
                context=host.context,
                filename='swap_2',
                size=2 * MIB,
                swap_mb=2,
            )
        return [len(made)]

    [count, volumes] = same(scenario)
    assert count == 1
    assert volumes['UUID_disk.swap'][0] == 2 * MIB


def test_all_of_it_by_path(same: Any, image: Uploaded, tmp_path: Path) -> None:
    """As a snapshot names its disk: by what libvirt says."""

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id, '.rescue')
        disk = host.driver.image_backend.by_libvirt_path(
            instance, f'vms/{instance.uuid}_disk.rescue', 'rbd'
        )
        told = [disk.exists(), disk.get_disk_size('other')]
        disk.create_snap('one')
        disk.resize_image(16 * MIB)
        told.append(disk.get_disk_size(''))
        disk.rollback_to_snap('one')
        disk.remove_snap('one')
        target = tmp_path / 'extracted'
        disk.snapshot_extract(str(target), 'qcow2')
        told.append(target.read_bytes()[:4])
        told.append(
            seen.outcome(lambda: disk.libvirt_info('none', {}, None, None))
        )
        disk.flatten()
        return told

    told = same(scenario)
    assert told[:4] == [True, len(image.data), 16 * MIB, b'QFI\xfb']
    assert told[4] == ('raised', 'TypeError')


def test_rescue_and_its_end(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        host.root(instance, image.id, '.rescue')
        during = sorted(seen.volumes())
        # As unrescue does.
        rbd_utils.RBDDriver().cleanup_volumes(
            lambda disk: (
                disk.startswith(instance.uuid) and disk.endswith('.rescue')
            )
        )
        return [during]

    [during, after] = same(scenario)
    assert during == ['UUID_disk', 'UUID_disk.rescue']
    assert set(after) == {'UUID_disk'}


def test_clean_up_of_a_resize(same: Any, image: Uploaded) -> None:
    """Reverted: the root disk stays. Deleted: its snapshot is no hindrance."""

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        disk = host.disk(instance)
        disk.create_snap('nova-resize')
        instance.task_state = 'resize_reverting'
        host.driver._cleanup_rbd(instance)
        reverted = seen.volumes()
        instance.task_state = 'deleting'
        host.driver._cleanup_rbd(instance)
        return [reverted]

    [reverted, deleted] = same(scenario)
    assert set(reverted) == {'UUID_disk'}
    assert deleted == {}


def test_unshelved(same: Any, image: Uploaded) -> None:
    """Flat, so that the snapshot that it comes from can be deleted."""

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        instance.vm_state = 'shelved_offloaded'
        instance.task_state = 'spawning'
        host.root(instance, image.id)
        return []

    [volumes] = same(scenario)
    assert volumes['UUID_disk'][3] is None


def test_resize_that_finishes(same: Any, image: Uploaded) -> None:
    """The snapshot to go back to is taken, and the disk grows."""

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        instance.task_state = 'resize_finish'
        instance.flavor.root_gb = 2
        host.root(instance, image.id)
        return []

    [volumes] = same(scenario)
    assert volumes['UUID_disk'][0] == 2 * GIB
    assert volumes['UUID_disk'][4] == [('nova-resize', False)]


def test_flavor_smaller_than_the_disk(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        disk = host.disk(instance)
        return [
            seen.outcome(
                lambda: disk.cache(
                    fetch_func=file_of(b''),
                    context=host.context,
                    filename='root',
                    image_id=image.id,
                    size=MIB,
                )
            )
        ]

    assert same(scenario)[0] == ('raised', 'FlavorDiskSmallerThanImage')


def test_by_path(same: Any) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        backend = host.driver.image_backend
        path = f'rbd:vms/{instance.uuid}_disk'
        disk = backend.by_libvirt_path(instance, path, 'rbd')
        return [
            seen.plain(disk.rbd_name),
            seen.plain(disk.path),
            disk.is_shared_block_storage(),
            disk.exists(),
            seen.outcome(
                lambda: backend.by_libvirt_path(instance, 'nothing', 'rbd')
            ),
        ]

    assert same(scenario)[-2] == ('raised', 'InvalidDevicePath')


def test_resize_snapshots_and_flattening(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        disk = host.disk(instance)
        disk.create_snap('nova-resize')
        disk.resize_image(2 * GIB)
        told = [disk.get_disk_size(''), seen.volumes()]
        disk.rollback_to_snap('nova-resize')
        told.append(disk.get_disk_size(''))
        disk.remove_snap('nova-resize')
        disk.remove_snap('nova-resize')
        disk.remove_snap('nova-resize', ignore_errors=True)
        told.append(seen.outcome(lambda: disk.rollback_to_snap('nothing')))
        disk.flatten()
        disk.flatten()
        return told

    told = same(scenario)
    assert told[3] == ('raised', 'SnapshotNotFound')
    assert told[-1]['UUID_disk'][3] is None


def test_extracted_snapshot(
    same: Any, image: Uploaded, tmp_path: Path
) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id, '.rescue')
        target = tmp_path / 'extracted'
        disk = host.disk(instance, 'disk.rescue')
        disk.snapshot_extract(str(target), 'raw')
        return [target.read_bytes() == image.data]

    assert same(scenario)[0] is True


def test_model_for_injection(same: Any, host: Compute) -> None:
    connection = libvirt.open(host.lab.libvirt.uri)

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        model = host.disk(instance).get_model(connection)
        return [seen.plain(vars(model))]

    same(scenario)
    connection.close()


def test_direct_snapshot(same: Any, image: Uploaded, disks_a: Disks) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id, '.rescue')
        disk = host.disk(instance, 'disk.rescue')
        name = instance.uuid
        location = disk.direct_snapshot(
            host.context, 'meanwhile', 'raw', name, image.id
        )
        made = disks_a.seen(name, IMAGES), disks_a.read(name, IMAGES)
        with disks_a.opened(name, IMAGES) as copy:
            protected = copy.is_protected_snap('snap')
        disk.cleanup_direct_snapshot(
            {'url': location}, also_destroy_volume=True, ignore_errors=True
        )
        gone = name not in disks_a.names(IMAGES)
        return [seen.plain(location), made, protected, gone]

    told = same(scenario)
    assert told[2:4] == [True, True]


def test_questions_to_the_pool(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        pool = rbd_utils.RBDDriver()
        fsid = pool.get_fsid()
        url = f'rbd://{fsid}/images/{image.id}/snap'
        room = pool.get_pool_info()
        raw = {'disk_format': 'raw'}
        name = f'{instance.uuid}_disk'
        return [
            fsid,
            sorted(room),
            room['total'],
            pool.get_mon_addrs(),
            pool.get_mon_addrs(strip_brackets=False),
            pool.ceph_args(),
            list(pool.parse_url(url)),
            tuple(pool.parent_info(name)),
            pool.exists(image.id, 'images', 'snap'),
            pool.exists(image.id, 'images', 'other'),
            pool.exists(image.id),
            pool.is_cloneable({'url': url}, raw),
            pool.is_cloneable({'url': url}, {'disk_format': 'qcow2'}),
            pool.is_cloneable({'url': f'{url}x'}, raw),
            pool.is_cloneable({'url': f'rbd://x/images/{image.id}/s'}, raw),
            pool.is_cloneable({'url': 'file:///x'}, raw),
            seen.outcome(lambda: pool.parse_url('http://x')),
            seen.outcome(lambda: pool.parse_url('rbd://a/b/c')),
            seen.outcome(lambda: pool.parse_url('rbd://a//b/c')),
            seen.outcome(lambda: pool.parent_info('nothing')),
            seen.outcome(rbd_utils.RBDDriver('none').get_pool_info),
        ]

    same(scenario)


def test_clean_up(same: Any, image: Uploaded) -> None:
    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        host.root(instance, image.id)
        pool = rbd_utils.RBDDriver()
        source = host.home / 'source'
        source.write_bytes(b'1' * MIB)
        for name in ('disk.local', 'disk.rescue', 'other.rescue'):
            pool.import_image(str(source), f'{instance.uuid}_{name}')
        pool.cleanup_volumes(
            lambda name: (
                name.startswith(instance.uuid) and name.endswith('.rescue')
            )
        )
        told = [seen.volumes()]
        host.driver._cleanup_rbd(instance)
        return told

    told = same(scenario)
    assert set(told[0]) == {'UUID_disk', 'UUID_disk.local'}
    assert told[-1] == {}


@pytest.mark.parametrize('never', [True, False])
def test_what_cannot_be_cloned(
    same: Any, host: Compute, upload: Uploads, small_qcow2: Path, never: bool
) -> None:
    """What is told of it; the volume differs: see ``MEANT``, 'download'."""
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')
    host.options['workarounds__never_download_image_if_on_rbd'] = never

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        with mock.patch.object(
            libvirt_utils, 'fetch_image', wraps=libvirt_utils.fetch_image
        ) as fetch:
            told = seen.outcome(lambda: host.root(instance, image.id))
        volumes = seen.volumes()
        for name in volumes:
            seen.disks.remove(name.replace('UUID', instance.uuid))
        data = [(found[0], found[-1]) for found in volumes.values()]
        return [told, fetch.call_count, data]

    [told, downloads, data, _] = same(scenario)
    if never:
        assert (told, downloads) == (('raised', 'ImageUnacceptable'), 0)
    else:
        assert (told, downloads) == (('returned', 'None'), 1)
        assert data[0][0] == GIB


def test_refusals(same: Any, image: Uploaded) -> None:
    nobody = '00000000-0000-4000-8000-000000000000'

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        disk = host.disk(instance)
        found = seen.outcome(lambda: disk.clone(host.context, nobody))
        # Ours also says that no other host will find it.
        is_gone = found[1] in ('ImageNotFound', 'ImageGone')
        return [found[0], is_gone]

    assert same(scenario)[:2] == ['raised', True]


def test_no_pool(same: Any, host: Compute) -> None:
    host.options['images_rbd_pool'] = ''

    def scenario(host: Compute, instance: Any, seen: Seen) -> list[Any]:
        return [seen.outcome(lambda: host.disk(instance))]

    # The volumes cannot be looked at by the host; by the cluster they can.
    assert same(scenario)[0] == ('raised', 'RuntimeError')


# What is meant to differ.


def test_every_difference_is_shown() -> None:
    assert MEANT.keys() == SHOWN


def on_both(host: Compute, seen: Callable[[Any], Any]) -> list[Any]:
    """Return what is seen of an instance of Nova's, and of one of ours."""
    told = []
    for side in (Side.NOVAS, Side.OURS):
        host.switch_on(side)
        for path in host.base_files():
            path.unlink()
        told.append(seen(host.instance()))
    return told


def parent(disks: Disks, instance: Any) -> str:
    with disks.opened(f'{instance.uuid}_disk') as disk:
        try:
            return str(disk.parent_info()[1])
        except rbd.ImageNotFound:
            return ''


@meant('base file')
def test_base_file(host: Compute, image: Uploaded, disks_a: Disks) -> None:
    def seen(instance: Any) -> str:
        base = host.home / '_base' / imagecache.get_cache_fname(image.id)
        base.parent.mkdir(exist_ok=True)
        base.write_bytes(image.data)
        host.root(instance, image.id)
        return parent(disks_a, instance)

    assert on_both(host, seen) == ['', image.id]


@meant('download')
def test_download(
    host: Compute, upload: Uploads, small_qcow2: Path, disks_a: Disks
) -> None:
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')

    def seen(instance: Any) -> str:
        host.root(instance, image.id)
        return parent(disks_a, instance)

    assert on_both(host, seen) == ['', f'rbd-multistore-cache_{image.id}']


@meant('too small')
def test_too_small(host: Compute, upload: Uploads, disks_a: Disks) -> None:
    """Nova's API compares with min_disk; the size may be learnt later."""
    image = upload('site_a')

    def seen(instance: Any) -> bool:
        disk = host.disk(instance)
        with pytest.raises(exception.FlavorDiskSmallerThanImage):
            disk.cache(
                lambda context, target, image_id: disk.clone(
                    context, image_id
                ),
                'base',
                MIB,
                context=host.context,
                image_id=image.id,
            )
        return disk.rbd_name in disks_a.names()

    assert on_both(host, seen) == [True, False]


@meant('snapshot format')
def test_format_of_a_snapshot(
    host: Compute, image: Uploaded, disks_a: Disks
) -> None:
    def seen(instance: Any) -> str:
        host.root(instance, image.id, '.rescue')
        disk = host.disk(instance, 'disk.rescue')
        try:
            url = disk.direct_snapshot(
                host.context, 'one', 'qcow2', instance.uuid, image.id
            )
        except exception.ImageUnacceptable:
            return 'refused'
        disk.cleanup_direct_snapshot({'url': url}, also_destroy_volume=True)
        return 'raw, and called a qcow2'

    assert on_both(host, seen) == ['raw, and called a qcow2', 'refused']


@meant('snapshot pool')
def test_snapshot_of_a_disk_without_a_parent(host: Compute) -> None:
    nobody = '00000000-0000-4000-8000-000000000000'

    def seen(instance: Any) -> str:
        disk = host.disk(instance)
        with host.opened() as ioctx:
            rbd.RBD().create(ioctx, disk.rbd_name, MIB)
        try:
            url = disk.direct_snapshot(
                host.context, 'one', 'raw', instance.uuid, nobody
            )
        except exception.ImageUnacceptable:
            return 'refused'
        disk.cleanup_direct_snapshot({'url': url}, also_destroy_volume=True)
        return str(url.split('/')[3])

    assert on_both(host, seen) == ['refused', IMAGES]


@meant('ignored errors')
@meant('errors of librbd')
def test_librbds_errors_are_novas(host: Compute) -> None:
    disk = host.disk(host.instance())
    with pytest.raises(rbd.ImageNotFound):
        disk.get_disk_size('')
    host.switch_on(Side.OURS)
    disk = host.disk(host.instance())
    for call in (
        lambda: disk.get_disk_size(''),
        lambda: disk.resize_image(MIB),
        lambda: disk.create_snap('one'),
        lambda: disk.rollback_to_snap('one'),
    ):
        with pytest.raises(exception.DiskNotFound):
            call()
    disk.remove_snap('one', ignore_errors=True)


@meant('shrinking')
def test_a_volume_is_never_cut_off(host: Compute, tmp_path: Path) -> None:
    source = tmp_path / 'source'
    source.write_bytes(b'1' * MIB)
    for side, kept in ((Side.NOVAS, 4096), (Side.OURS, MIB)):
        host.switch_on(side)
        disk = host.disk(host.instance())
        disk.driver.import_image(str(source), disk.rbd_name)
        if side is Side.OURS:
            with pytest.raises(exception.FlavorDiskTooSmall):
                disk.resize_image(4096)
        else:
            disk.resize_image(4096)
        assert disk.get_disk_size('') == kept


@meant('deactivated')
def test_deactivated_image(
    host: Compute, image: Uploaded, admin_glance: Any
) -> None:
    admin_glance.images.deactivate(image.id)
    disk = host.disk(host.instance())
    disk.clone(host.context, image.id)
    assert disk.exists()
    host.switch_on(Side.OURS)
    disk = host.disk(host.instance())
    with pytest.raises(exception.ImageNotActive):
        disk.clone(host.context, image.id)
    assert not disk.exists()


@meant('gone already')
def test_volume_that_is_gone(host: Compute) -> None:
    def gone(name: str) -> bool:
        return True

    for side in Side:
        host.switch_on(side)
        pool = rbd_utils.RBDDriver()
        if side is Side.NOVAS:
            with pytest.raises(rbd.ImageNotFound):
                pool.destroy_volume('nothing')
        else:
            pool.destroy_volume('nothing')
