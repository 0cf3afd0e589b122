# SPDX-License-Identifier: Apache-2.0
"""Root disks from images, made by Nova's driver with our backend."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from nova import exception
from nova.virt.libvirt import imagecache
from nova.virt.libvirt import utils as libvirt_utils

from rbd_multistore import exceptions
from rbd_multistore.nova import process
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.uploads import Uploads
from tests.functional.nova_backend.compute import Compute, head

GIB = 1 << 30
CACHE = 'rbd-multistore-cache_'


@pytest.mark.usefixtures('no_programs')
def test_miss_and_hit(ours: Compute, upload: Uploads, disks_a: Disks) -> None:
    """By a plain member, with Glance's own policies."""
    image = upload()
    for _ in range(2):
        instance = ours.boot(image.id)
        name = f'{instance.uuid}_disk'
        assert disks_a.seen(name)[0] == GIB
        assert head(disks_a, name)[: len(image.data)] == image.data
        parent = process.kept().volumes.show(name).parent
        assert str(parent) == image.parent
    assert ours.base_files() == []


def test_together_on_a_miss(
    ours: Compute, upload: Uploads, admin_glance: Any
) -> None:
    """The builds of one image wait for one copy, and not for each other."""
    image = upload()
    with (
        mock.patch.object(
            process.kept().site.copier,
            '_lead',
            autospec=False,
            side_effect=process.kept().site.copier._lead,
        ) as lead,
        ThreadPoolExecutor(4) as threads,
    ):
        list(threads.map(ours.boot, [image.id] * 4))
    assert lead.call_count == 1


def test_base_file_does_not_matter(
    ours: Compute, upload: Uploads, disks_a: Disks
) -> None:
    """As the cache of an aggregate leaves one; Nova's imports it."""
    image = upload('site_a')
    base = Path(ours.home / '_base' / imagecache.get_cache_fname(image.id))
    base.parent.mkdir()
    base.write_bytes(image.data)
    instance = ours.boot(image.id)
    parent = process.kept().volumes.show(f'{instance.uuid}_disk').parent
    assert str(parent) == image.parent


@pytest.mark.usefixtures('no_programs')
def test_download_is_kept_in_the_pool(
    compute_at: Callable[..., Compute],
    upload: Uploads,
    small_raw: Path,
    small_qcow2: Path,
    disks_a: Disks,
) -> None:
    """A qcow2 is downloaded once for a site, not for each instance."""
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')
    raw = small_raw.read_bytes()
    for downloads in (1, 0):
        host = compute_at()
        with mock.patch.object(
            libvirt_utils, 'fetch_image', wraps=libvirt_utils.fetch_image
        ) as fetch:
            instance = host.boot(image.id)
        assert fetch.call_count == downloads
        name = f'{instance.uuid}_disk'
        assert disks_a.seen(name)[0] == GIB
        assert head(disks_a, name)[: len(raw)] == raw
        parent = process.kept().volumes.show(name).parent
        assert parent is not None
        assert parent.image == CACHE + image.id
        with disks_a.opened(CACHE + image.id) as cached:
            assert cached.size() == len(raw)
    cache = process.kept().image_cache
    assert cache.remove_unused(0) == ()
    for name in list(disks_a.names()):
        if name.endswith('_disk'):
            process.kept().volumes.remove(name)
    assert cache.remove_unused(3600) == ()
    assert cache.remove_unused(0) == (CACHE + image.id,)


def test_download_that_is_forbidden(
    compute_at: Callable[..., Compute], upload: Uploads, small_qcow2: Path
) -> None:
    """Whether a base file is there or not."""
    host = compute_at(workarounds__never_download_image_if_on_rbd=True)
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')
    for _ in range(2):
        with pytest.raises(exception.ImageUnacceptable, match='qcow2'):
            host.boot(image.id)
        base = host.home / '_base' / imagecache.get_cache_fname(image.id)
        base.parent.mkdir(exist_ok=True)
        base.write_bytes(b'1' * 4096)
    assert not [n for n in host.volumes() if n.endswith('_disk')]


def test_image_of_somebody_else(
    ours: Compute, upload: Uploads, admin_glance: Any
) -> None:
    """The user decides what is seen, whatever the service user may."""
    image = upload('site_a', by=admin_glance)
    with pytest.raises(exception.ImageNotFound) as caught:
        ours.boot(image.id)
    assert isinstance(caught.value, exception.BuildAbortException)


def test_flavor_that_is_too_small(
    ours: Compute, upload: Uploads, disks_a: Disks
) -> None:
    image = upload('site_a', min_disk=2)
    before = disks_a.names()
    with pytest.raises(exception.FlavorDiskSmallerThanImage):
        ours.boot(image.id)
    assert disks_a.names() == before


def test_copy_that_fails_is_downloaded(ours: Compute, upload: Uploads) -> None:
    image = upload()
    copier = process.kept().site.copier
    failed = exceptions.CopyTimeout('too long', image.id, 'site_a')
    with mock.patch.object(copier, 'bring', side_effect=failed) as bring:
        instance = ours.boot(image.id)
        assert bring.call_count == 1
    parent = process.kept().volumes.show(f'{instance.uuid}_disk').parent
    assert parent is not None
    assert parent.image == CACHE + image.id


def test_deletion_ends_the_wait(
    ours: Compute, upload: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is deleted does not wait for the copy of its image."""
    monkeypatch.setattr('rbd_multistore.nova.progress._SAVE_INTERVAL_S', 0.0)
    image = upload()
    instance = ours.instance(image_ref=image.id)
    gone = exception.UnexpectedDeletingTaskStateError(
        instance_uuid=instance.uuid, expected={}, actual={}
    )
    disk = ours.disk(instance)
    with (
        mock.patch.object(type(instance), 'save', side_effect=gone) as save,
        pytest.raises(exception.UnexpectedDeletingTaskStateError),
    ):
        disk.clone(ours.context, image.id)
    save.assert_called_with(expected_task_state=['spawning'])
    assert not disk.exists()


def test_progress_is_shown(
    ours: Compute,
    upload: Uploads,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the instance and in the log, as often as there is a look."""
    for interval in ('_SAVE_INTERVAL_S', '_LOG_INTERVAL_S'):
        monkeypatch.setattr(f'rbd_multistore.nova.progress.{interval}', 0.0)
    caplog.set_level('INFO', 'rbd_multistore.nova.progress')
    image = upload()
    instance = ours.instance(image_ref=image.id)
    saved = []
    with mock.patch.object(
        type(instance), 'save', lambda it, **_: saved.append(it.progress)
    ):
        ours.disk(instance).clone(ours.context, image.id)
    assert saved
    assert all(0 <= percent < 100 for percent in saved)
    assert instance.progress == 0
    assert f'Waiting for image {image.id} in store site_a' in caplog.text
