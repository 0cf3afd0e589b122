# SPDX-License-Identifier: Apache-2.0
"""What Nova asks a pool for, and moving instances between clusters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import rbd
from nova import exception
from nova.storage import rbd_utils
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt.driver import LibvirtDriver as NovasDriver

from rbd_multistore.nova import process
from rbd_multistore.nova.compute_driver import FSID, LibvirtDriver
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.uploads import Uploads
from tests.functional.nova_backend.compute import Compute

MIB = 1 << 20


@pytest.fixture
def disk(ours: Compute) -> str:
    """The name of an instance's disk of 8 MiB."""
    name = f'{ours.instance().uuid}_disk'
    process.kept().volumes.create(name, 8 * MIB)
    return name


@pytest.mark.usefixtures('no_programs')
def test_room(ours: Compute) -> None:
    """As the periodic update of a host's resources asks for it."""
    found = LibvirtDriver._get_local_gb_info()
    assert set(found) == {'total', 'free', 'used'}
    assert 0 < found['free'] <= found['total']


def test_clean_up_opens_what_it_removes_alone(
    ours: Compute, disk: str, disks_a: Disks
) -> None:
    instance = next(i for i in ours.instances if disk.startswith(i.uuid))
    process.kept().volumes.create(f'{instance.uuid}_disk.config', MIB)
    other = f'{ours.instance().uuid}_disk'
    process.kept().volumes.create(other, MIB)
    rbd_utils.RBDDriver().create_snap(disk, rbd_utils.RESIZE_SNAPSHOT_NAME)
    opened = []
    real = rbd.Image

    def look(ioctx: Any, name: str, *args: Any, **kwargs: Any) -> rbd.Image:
        opened.append(name)
        return real(ioctx, name, *args, **kwargs)

    with mock.patch('rbd.Image', look):
        ours.driver._cleanup_rbd(instance)
    assert other in disks_a.names()
    assert not [n for n in disks_a.names() if n.startswith(instance.uuid)]
    assert all(name.startswith(instance.uuid) for name in opened)


def test_clean_up_waits_for_who_has_it_open(
    ours: Compute, disk: str, disks_a: Disks
) -> None:
    opened = threading.Event()

    def hold() -> None:
        with disks_a.opened(disk, read_only=False) as image:
            image.write(b'1', 0)
            opened.set()
            time.sleep(1.0)

    holder = threading.Thread(target=hold)
    holder.start()
    opened.wait()
    rbd_utils.RBDDriver().destroy_volume(disk)
    holder.join()
    assert disk not in disks_a.names()


def test_clean_up_gives_up_quietly(
    ours: Compute, disk: str, disks_a: Disks
) -> None:
    """As Nova's does: the server is deleted, the volume is in the log."""
    with disks_a.opened(disk, read_only=False) as image:
        image.write(b'1', 0)
        rbd_utils.RBDDriver().destroy_volume(disk)
    assert disk in disks_a.names()


def test_remove_image_mentions_what_it_cannot(
    ours: Compute, disk: str, disks_a: Disks
) -> None:
    driver = rbd_utils.RBDDriver()
    driver.create_snap(disk, 'one')
    driver.remove_image(disk)
    driver.remove_image('nothing')
    assert disk in disks_a.names()
    driver.remove_snap(disk, 'one')
    driver.remove_image(disk)
    assert disk not in disks_a.names()


def test_resize_and_its_revert(
    ours: Compute, disk: str, disks_a: Disks
) -> None:
    driver = rbd_utils.RBDDriver()
    name = rbd_utils.RESIZE_SNAPSHOT_NAME
    driver.create_snap(disk, name)
    driver.resize(disk, 16 * MIB)
    assert driver.size(disk) == 16 * MIB
    driver.rollback_to_snap(disk, name)
    assert driver.size(disk) == 8 * MIB
    driver.remove_snap(disk, name)
    driver.remove_snap(disk, name)
    with pytest.raises(exception.SnapshotNotFound):
        driver.rollback_to_snap(disk, name)


def test_another_pool_by_another_way(
    ours: Compute, upload: Uploads, tmp_path: Any
) -> None:
    """As ``[glance] enable_rbd_download`` reads Glance's own images."""
    image = upload('site_a')
    driver = rbd_utils.RBDDriver(
        pool='images', user='nova', ceph_conf=str(ours.home / 'ceph.conf')
    )
    target = tmp_path / 'image'
    driver.export_image(str(target), image.id, 'snap')
    assert target.read_bytes() == image.data
    other = rbd_utils.RBDDriver(ceph_conf=str(ours.home) + '/./ceph.conf')
    assert other.cluster is not driver.cluster
    assert other.get_fsid() == driver.get_fsid()


def migrate(host: Compute, instance: Any, fsid: str | None) -> Any:
    stats = {'uptime': '1'} if fsid is None else {FSID: fsid}
    return host.driver.check_can_live_migrate_destination(
        host.context, instance, {'stats': stats}, {}, None, None
    )


@pytest.fixture
def novas_check() -> Any:
    """What Nova's own check is asked."""
    with mock.patch.object(
        NovasDriver, 'check_can_live_migrate_destination'
    ) as check:
        yield check


def test_live_migration(ours: Compute, disk: str, novas_check: Any) -> None:
    instance = ours.instances[0]
    instance.image_ref = 'an image'
    migrate(ours, instance, process.kept().cluster.fsid())
    assert novas_check.call_count == 1
    other = '11111111-2222-3333-4444-555555555555'
    with pytest.raises(exception.MigrationPreCheckError, match=other):
        migrate(ours, instance, other)
    # A host without the plug-in.
    migrate(ours, instance, None)
    assert novas_check.call_count == 2
    process.kept().volumes.remove(disk)
    with pytest.raises(exception.MigrationPreCheckError, match='none of its'):
        migrate(ours, instance, None)
    assert novas_check.call_count == 2


def test_live_migration_of_what_cinder_has(
    ours: Compute, novas_check: Any
) -> None:
    instance = ours.instance(image_ref='')
    migrate(ours, instance, 'another')
    assert novas_check.call_count == 1


def evacuate(host: Compute, instance: Any, fsid: str | None) -> bool:
    stats = None if fsid is None else {FSID: fsid}
    with mock.patch(
        'nova.objects.ComputeNode.get_by_host_and_nodename',
        return_value=SimpleNamespace(stats=stats),
    ):
        return bool(host.driver.instance_on_disk(instance))


def test_evacuation(ours: Compute, disk: str) -> None:
    instance = ours.instances[0]
    instance.image_ref = 'an image'
    ours_fsid = process.kept().cluster.fsid()
    assert evacuate(ours, instance, ours_fsid)
    assert evacuate(ours, instance, None)
    # Mirrored to this cluster, say.
    assert evacuate(ours, instance, 'another')
    process.kept().volumes.remove(disk)
    assert evacuate(ours, instance, ours_fsid)
    for fsid in ('another', None):
        with pytest.raises(exception.InvalidSharedStorage):
            evacuate(ours, instance, fsid)


def test_host_tells_its_cluster(ours: Compute) -> None:
    with mock.patch.object(
        NovasDriver, 'get_available_resource', return_value={'vcpus': 1}
    ):
        found = ours.driver.get_available_resource('node')
    assert found['stats'] == {FSID: process.kept().cluster.fsid()}


def test_cluster_that_is_away_for_a_while(ours: Compute) -> None:
    """Nova logs InvalidConfiguration in one line, but ends if the first
    look of all has it."""
    driver = ours.driver
    with mock.patch.object(
        NovasDriver,
        'get_available_resource',
        side_effect=[
            exception.StorageError(reason='away'),
            {'vcpus': 1},
            exception.StorageError(reason='away'),
        ],
    ):
        with pytest.raises(exception.StorageError) as at_first:
            driver.get_available_resource('node')
        driver.get_available_resource('node')
        with pytest.raises(exception.StorageError, match='away') as later:
            driver.get_available_resource('node')
    assert not isinstance(at_first.value, exception.InvalidConfiguration)
    assert isinstance(later.value, exception.InvalidConfiguration)


@pytest.mark.parametrize('deleted', [True, False])
def test_files_of_an_instance_deleted_meanwhile(
    ours: Compute, upload: Uploads, deleted: bool
) -> None:
    """Nova deletes one whose host is down without it, and has the host
    remove the files later; a volume goes with them, and only then."""
    instance = ours.boot(upload().id)
    instance.deleted = deleted
    assert ours.driver.delete_instance_files(instance)
    assert (f'{instance.uuid}_disk' in ours.volumes()) is not deleted


def test_pool_of_libvirt_is_refused(
    compute_at: Callable[..., Compute],
) -> None:
    """It would name another pool than Nova's own options."""
    host = compute_at(rbd_multistore__libvirt_pool='a-pool')
    with pytest.raises(exception.InvalidConfiguration, match='libvirt_pool'):
        host.driver.init_host('host')


@pytest.mark.parametrize('store', ['site_a', ''])
def test_log_says_who_serves(
    compute_at: Callable[..., Compute],
    caplog: pytest.LogCaptureFixture,
    store: str,
) -> None:
    host = compute_at(images_rbd_glance_store_name=store)
    with (
        mock.patch.object(NovasDriver, 'init_host'),
        caplog.at_level('INFO', 'rbd_multistore'),
    ):
        host.driver.init_host('host')
    assert 'stands in for' in caplog.text
    assert f'store {store or None}' in caplog.text
    assert ('No image is copied' in caplog.text) is (not store)


def test_driver_is_found_where_nova_looks(ours: Compute) -> None:
    import nova.virt.libvirt

    assert nova.virt.libvirt.LibvirtDriver is LibvirtDriver
    assert issubclass(LibvirtDriver, libvirt_driver.LibvirtDriver)
