# SPDX-License-Identifier: Apache-2.0
"""Servers that are away, and what a nova-compute that died has left."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import nova.conf
import pytest
from nova import exception
from nova.storage import rbd_utils
from nova.virt.libvirt import utils as libvirt_utils
from nova.virt.libvirt.driver import LibvirtDriver as NovasDriver

from rbd_multistore.ceph.image_cache import ImageCache
from rbd_multistore.ceph.snapshots import DIRECT, Snapshots
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.glance.client import GlanceClient
from rbd_multistore.nova import errors, imagebackend, process
from rbd_multistore.nova.compute_driver import FSID
from tests.functional.main_job.disks import IMAGES, Disks
from tests.functional.main_job.uploads import Uploads
from tests.functional.nova_backend.compute import Compute
from tests.lab.images import Images

MIB = 1 << 20
CACHE = 'rbd-multistore-cache_'


def parent_of(name: str) -> str:
    parent = process.kept().volumes.show(name).parent
    return '' if parent is None else parent.image


# Glance.


@pytest.fixture
def nobody() -> str:
    """The URL of a server that is not there."""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return f'http://127.0.0.1:{taken.getsockname()[1]}'


def test_one_of_the_api_servers_is_away(
    compute_at: Callable[..., Compute], upload: Uploads, nobody: str
) -> None:
    image = upload('site_a')
    url = compute_at().lab.glance.url
    host = compute_at(glance__api_servers=f'{nobody},{url}')
    for _ in range(2):
        instance = host.boot(image.id)
        assert parent_of(f'{instance.uuid}_disk') == image.id


@pytest.mark.parametrize(
    ('retries', 'away_s', 'asked_often'), [(1, 0, {2}), (0, 3, {2, 3, 4})]
)
def test_all_api_servers_are_away(
    compute_at: Callable[..., Compute],
    nobody: str,
    monkeypatch: pytest.MonkeyPatch,
    retries: int,
    away_s: int,
    asked_often: set[int],
) -> None:
    """Asked as often as Nova's own options say, and as long as a restart
    may take; then another host may try."""
    monkeypatch.setattr(imagebackend, '_AWAY_S', away_s)
    host = compute_at(glance__api_servers=nobody, glance__num_retries=retries)
    with (
        mock.patch.object(
            GlanceClient,
            'image',
            autospec=True,
            side_effect=GlanceClient.image,
        ) as asked,
        pytest.raises(exception.GlanceConnectionFailed),
    ):
        host.boot(str(uuid.uuid4()))
    assert asked.call_count in asked_often


def test_requests_at_once_go_to_servers_of_their_own(
    compute_at: Callable[..., Compute],
) -> None:
    """What one request goes to is not changed by the next one."""
    servers = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
    host = compute_at(glance__api_servers=','.join(servers))
    context = host.context
    first = process.kept().images_for(context)
    second = process.kept().images_for(context)
    found = [
        images._caller._endpoint.endpoint_override
        for images in (first, second)
    ]
    assert sorted(map(str, found)) == servers


def test_catalogue_that_names_a_version(
    ours: Compute, upload: Uploads
) -> None:
    """As of clouds that were set up long ago."""
    image = upload('site_a')
    context = ours.context
    [service] = context.service_catalog
    for endpoint in service['endpoints']:
        endpoint.update(
            dict.fromkeys(
                ('publicURL', 'internalURL'), f'{ours.lab.glance.url}/v2/'
            )
        )
    disk = ours.disk(ours.instance())
    disk.clone(context, image.id)
    assert parent_of(disk.rbd_name) == image.id


def test_conductor_that_is_away(
    ours: Compute, upload: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress cannot be saved: the build goes on."""
    monkeypatch.setattr('rbd_multistore.nova.progress._SAVE_INTERVAL_S', 0.0)
    image = upload()
    instance = ours.instance(image_ref=image.id)
    disk = ours.disk(instance)
    with mock.patch.object(
        type(instance), 'save', side_effect=TimeoutError
    ) as save:
        disk.clone(ours.context, image.id)
    assert save.called
    assert disk.exists()


# The image cache of the pool.


@pytest.fixture
def qcow2(upload: Uploads, small_qcow2: Path) -> str:
    return upload('site_a', path=small_qcow2, disk_format='qcow2').id


def test_cached_for_those_who_see_the_image(
    ours: Compute, qcow2: str, admin_glance: Any
) -> None:
    """Deactivated meanwhile: what another user downloaded is not given."""
    ours.boot(qcow2)
    admin_glance.images.deactivate(qcow2)
    instance = ours.instance(image_ref=qcow2)
    disk = ours.disk(instance)
    refused = errors.unacceptable(qcow2, Exception('cannot be cloned'))
    with (
        mock.patch.object(disk, '_clone', side_effect=refused),
        pytest.raises(exception.ImageNotActive),
    ):
        disk.cache(mock.Mock(), 'base', context=ours.context, image_id=qcow2)
    assert not disk.exists()


def test_cached_image_is_removed_meanwhile(ours: Compute, qcow2: str) -> None:
    """Found, and removed by another host before it is cloned."""
    first = ours.boot(qcow2)
    kept = process.kept()
    find = kept.image_cache.find
    kept.volumes.remove(f'{first.uuid}_disk')

    def find_and_lose(image_id: str) -> Any:
        found = find(image_id)
        kept.image_cache.find = find
        assert kept.image_cache.remove_unused(0) == (CACHE + image_id,)
        return found

    kept.image_cache.find = find_and_lose
    second = ours.boot(qcow2)
    assert parent_of(f'{second.uuid}_disk') == CACHE + qcow2


def caches(count: int, **others: Any) -> list[ImageCache]:
    """The caches of several hosts."""
    return [
        ImageCache(process.kept().cluster, 'vms', **others)
        for _ in range(count)
    ]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / 'base'
    path.write_bytes(b'1' * MIB)
    return path


def test_two_hosts_write_it_at_once(
    ours: Compute, base: Path, disks_a: Disks
) -> None:
    """Both have it in the end, and it was written once."""
    image_id = str(uuid.uuid4())
    both = threading.Barrier(2)

    def add(cache: ImageCache) -> Any:
        both.wait(60)
        return cache.add(image_id, base)

    with ThreadPoolExecutor(2) as hosts:
        found = list(hosts.map(add, caches(2)))
    assert found == [process.kept().image_cache.find(image_id)] * 2
    cached = [n for n in disks_a.names() if image_id in n]
    assert cached == [CACHE + image_id]
    assert disks_a.read(cached[0]) == base.read_bytes()


def test_another_host_is_waited_for(
    ours: Compute, base: Path, disks_a: Disks
) -> None:
    """As long as it has the volume open."""
    image_id = str(uuid.uuid4())
    name = CACHE + image_id
    process.kept().volumes.create(name, MIB)
    looks: list[float] = []

    with contextlib.ExitStack() as writer:
        image = writer.enter_context(disks_a.opened(name, read_only=False))
        image.write(b'2', 0)

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 5:
                image.create_snap('whole')
                image.protect_snap('whole')
                writer.close()

        [cache] = caches(1, sleep=sleep)
        found = cache.add(image_id, base)
    assert found is not None
    assert found.image == name
    assert disks_a.read(name)[:1] == b'2'


@pytest.mark.parametrize('snapshot', ['', 'whole'])
def test_host_that_died_while_it_wrote(
    ours: Compute, qcow2: str, snapshot: str, disks_a: Disks
) -> None:
    """Before its snapshot, or before that was protected."""
    kept = process.kept()
    kept.volumes.create(CACHE + qcow2, MIB)
    if snapshot:
        Snapshots(kept.cluster, 'vms').create(CACHE + qcow2, snapshot)
    instance = ours.boot(qcow2)
    assert parent_of(f'{instance.uuid}_disk') == CACHE + qcow2
    assert disks_a.seen(CACHE + qcow2)[0] > MIB


def hours_later() -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC)
    return now + datetime.timedelta(hours=25)


def test_what_is_not_whole_is_removed_after_a_day(ours: Compute) -> None:
    name = f'{CACHE}{uuid.uuid4()}'
    process.kept().volumes.create(name, MIB)
    assert name not in process.kept().image_cache.remove_unused(0)
    [later] = caches(1, utc=hours_later)
    assert name in later.remove_unused(0)


def test_image_that_is_being_written_stays(
    ours: Compute, disks_a: Disks
) -> None:
    """However old: librbd keeps what somebody has open."""
    name = f'{CACHE}{uuid.uuid4()}'
    process.kept().volumes.create(name, MIB)
    [later] = caches(1, utc=hours_later)
    with disks_a.opened(name, read_only=False) as image:
        image.write(b'1', 0)
        assert name not in later.remove_unused(0)
    assert name in later.remove_unused(0)


def test_downloaded_once_by_a_host(ours: Compute, qcow2: str) -> None:
    """Four builds at once, one download, one image in the cache."""
    with (
        mock.patch.object(
            libvirt_utils, 'fetch_image', wraps=libvirt_utils.fetch_image
        ) as fetch,
        mock.patch.object(
            process.kept().image_cache,
            'add',
            wraps=process.kept().image_cache.add,
        ) as add,
        ThreadPoolExecutor(4) as threads,
    ):
        made = list(threads.map(ours.boot, [qcow2] * 4))
    assert (fetch.call_count, add.call_count) == (1, 1)
    assert {parent_of(f'{one.uuid}_disk') for one in made} == {CACHE + qcow2}


# A direct snapshot.


def test_host_that_died_in_a_direct_snapshot(
    ours: Compute, lab_images: Images, disks_a: Disks
) -> None:
    """What it left goes with the volume; what is not of it stays."""
    kept = process.kept()
    name = f'{ours.instance().uuid}_disk'
    kept.volumes.create(name, MIB)
    image_id, done = str(uuid.uuid4()), str(uuid.uuid4())
    snapshots = Snapshots(kept.cluster, 'vms')
    images = Volumes(kept.cluster, IMAGES)
    for one in (image_id, done):
        taken = snapshots.create_protected(name, DIRECT + one)
        images.clone(taken, one, None)
    images.flatten(done)
    rbd_utils.RBDDriver().destroy_volume(name)
    assert name not in disks_a.names()
    assert image_id not in disks_a.names(IMAGES)
    assert done in disks_a.names(IMAGES)
    images.remove(done)


def test_clone_of_somebody_else_keeps_the_volume(
    compute_at: Callable[..., Compute], disks_a: Disks
) -> None:
    host = compute_at(rbd_destroy_volume_retries=0)
    kept = process.kept()
    name = f'{host.instance().uuid}_disk'
    other = f'{host.instance().uuid}_disk'
    kept.volumes.create(name, MIB)
    taken = Snapshots(kept.cluster, 'vms').create_protected(
        name, DIRECT + str(uuid.uuid4())
    )
    kept.volumes.clone(taken, other, None)
    rbd_utils.RBDDriver().destroy_volume(name)
    assert {name, other} <= disks_a.names()
    kept.volumes.remove(other)
    rbd_utils.RBDDriver().destroy_volume(name)
    assert name not in disks_a.names()


# The process.


def test_forked_process_connects_anew(ours: Compute) -> None:
    """librados' threads are not in it; the parent's connection goes on."""
    fsid = process.kept().cluster.fsid()
    child = os.fork()
    if child == 0:
        # No exception may leave this process: pytest is in it as well.
        try:
            room = process.kept().cluster.room('vms')
            os._exit(0 if room.total_bytes else 1)
        except BaseException:
            os._exit(2)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert process.kept().cluster.fsid() == fsid
    assert process.kept().cluster.room('vms').total_bytes


def test_options_are_read_once(ours: Compute) -> None:
    """On SIGHUP Nova has its mutable options read anew: ours are none."""
    conf = ours.home / 'nova.conf'
    before = process.kept()
    fsid = before.cluster.fsid()
    conf.write_text(
        conf.read_text().replace('site_a', 'site_b')
        + '\n[rbd_multistore]\ncopy_timeout = 5\n'
    )
    changed = nova.conf.CONF.mutate_config_files()
    assert not [name for group, name in changed if 'rbd' in f'{group}{name}']
    assert process.kept() is before
    assert before.site.store == 'site_a'
    assert before.cluster.fsid() == fsid


# Cold migration.


def migrated(host: Compute, fsid: str | None) -> Any:
    """Begin a resize to a host with that cluster."""
    context = SimpleNamespace(migration_id=1)
    instance = host.instance(image_ref='an image')
    instance.obj_reset_changes()
    with (
        mock.patch.object(
            type(instance), 'migration_context', new=context, create=True
        ),
        mock.patch(
            'nova.objects.Migration.get_by_id',
            return_value=SimpleNamespace(
                dest_compute='there', dest_node='there'
            ),
        ),
        mock.patch(
            'nova.objects.ComputeNode.get_by_host_and_nodename',
            return_value=SimpleNamespace(stats=fsid and {FSID: fsid}),
        ),
        mock.patch.object(NovasDriver, 'migrate_disk_and_power_off') as novas,
    ):
        host.driver.migrate_disk_and_power_off(
            host.context, instance, '127.0.0.1', instance.flavor, None
        )
    return novas


def test_resize_within_the_site(ours: Compute) -> None:
    assert migrated(ours, process.kept().cluster.fsid()).call_count == 1


def test_resize_to_a_host_without_the_plugin(ours: Compute) -> None:
    assert migrated(ours, None).call_count == 1


def test_resize_to_another_cluster(ours: Compute) -> None:
    """The server runs on where it is, and its fault says why."""
    with pytest.raises(exception.InstanceFaultRollback) as caught:
        migrated(ours, '11111111-2222-3333-4444-555555555555')
    inner = caught.value.inner_exception
    assert isinstance(inner, exception.ResizeError)
    assert 'host there has Ceph cluster 11111111' in str(inner)


# Other backends.


def test_other_backends_are_novas(
    compute_at: Callable[..., Compute],
) -> None:
    """With another images_type nothing of ours is even made."""
    host = compute_at(images_type='qcow2', images_rbd_glance_store_name='')
    instance = host.instance(image_ref='an image')
    driver = host.driver
    backend = driver.image_backend.backend()
    assert backend.__module__ == 'nova.virt.libvirt.imagebackend'
    with (
        mock.patch.object(process, 'Process', side_effect=AssertionError),
        mock.patch.object(NovasDriver, 'init_host') as init_host,
        mock.patch.object(NovasDriver, 'spawn') as spawn,
        mock.patch.object(NovasDriver, 'migrate_disk_and_power_off') as move,
        mock.patch.object(
            NovasDriver, 'get_available_resource', return_value={'vcpus': 1}
        ),
        mock.patch.object(
            NovasDriver, 'check_can_live_migrate_destination'
        ) as check,
        mock.patch.object(
            NovasDriver, 'instance_on_disk', return_value=False
        ) as on_disk,
    ):
        driver.init_host('host')
        driver.spawn(host.context, instance, {}, [], None, {})
        driver.migrate_disk_and_power_off(
            host.context, instance, 'there', instance.flavor, None
        )
        driver.check_can_live_migrate_destination(
            host.context, instance, {}, {}
        )
        assert driver.get_available_resource('node') == {'vcpus': 1}
        assert driver.instance_on_disk(instance) is False
    for called in (init_host, spawn, move, check, on_disk):
        assert called.call_count == 1
