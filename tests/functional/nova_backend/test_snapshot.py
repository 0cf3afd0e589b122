# SPDX-License-Identifier: Apache-2.0
"""A snapshot of a server becomes an image of its site's store."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from nova import exception
from nova.virt.libvirt import imagebackend

from rbd_multistore.nova import process
from rbd_multistore.nova.imagebackend import Rbd
from tests.functional.main_job.disks import IMAGES, Disks
from tests.functional.main_job.uploads import Uploads
from tests.functional.nova_backend.compute import Compute, Side, head
from tests.lab.images import Images

METADATA = {
    'status': 'active',
    'properties': {'image_location': 'snapshot', 'image_state': 'available'},
    'disk_format': 'raw',
    'container_format': 'bare',
}


@pytest.fixture
def queued(lab_images: Images, demo_glance: Any) -> str:
    """What nova-api makes before it asks the host for a snapshot."""
    record = demo_glance.images.create(name='snapshot', visibility='private')
    lab_images.made.append(record['id'])
    return str(record['id'])


def register(host: Compute, image_id: str, location: str) -> None:
    """Do as Nova's driver does with the location."""
    imagebackend.IMAGE_API.update(
        host.context,
        image_id,
        {**METADATA, 'name': 'snapshot', 'location': location},
        purge_props=False,
    )


@pytest.mark.usefixtures('no_programs')
def test_snapshot_at_one_site_boots_at_another(
    compute_at: Callable[..., Compute],
    upload: Uploads,
    queued: str,
    disks: dict[str, Disks],
    admin_glance: Any,
) -> None:
    image = upload('site_a')
    here = compute_at()
    instance = here.boot(image.id)
    name = f'{instance.uuid}_disk'
    disk = here.disk(instance)
    location = disk.direct_snapshot(
        here.context, uuid.uuid4().hex, 'raw', queued, image.id
    )
    fsid = process.kept().cluster.fsid()
    assert location == f'rbd://{fsid}/images/{queued}/snap'
    register(here, queued, location)
    record = admin_glance.images.get(queued)
    assert record['status'] == 'active'
    assert record['stores'] == 'site_a'
    assert record['disk_format'] == 'raw'
    assert record['image_location'] == 'snapshot'
    # It stands alone, and the disk is as it was.
    assert disks['site_a'].seen(name)[1] == frozenset()
    assert disks['site_a'].seen(queued, IMAGES)[1] == {'snap'}
    assert process.kept().site.uploads is not None
    there = compute_at(site='site_b')
    copied = there.boot(queued)
    data = head(disks['site_b'], f'{copied.uuid}_disk')
    assert data[: len(image.data)] == image.data


def test_where_glance_refuses(
    compute_at: Callable[..., Compute],
    upload: Uploads,
    queued: str,
    disks_a: Disks,
) -> None:
    """Without a service user: Nova then uploads the snapshot."""
    image = upload('site_a')
    host = compute_at(
        service_user__auth_type='', rbd_multistore__glance_store_pool='images'
    )
    disk = Rbd(host.instance(), 'disk')
    process.kept().volumes.create(disk.rbd_name, 8 << 20)
    location = disk.direct_snapshot(
        host.context, uuid.uuid4().hex, 'raw', queued, image.id
    )
    with pytest.raises(exception.Forbidden, match='403'):
        register(host, queued, location)
    disk.cleanup_direct_snapshot(
        {'url': location}, also_destroy_volume=True, ignore_errors=True
    )
    assert queued not in disks_a.names(IMAGES)


@pytest.mark.parametrize(
    ('options', 'image_format'),
    [
        ({}, 'qcow2'),
        ({'images_rbd_glance_store_name': ''}, 'raw'),
        ({'images_rbd_glance_store_name': 'site_b'}, 'raw'),
        ({'images_rbd_glance_store_name': 'central'}, 'raw'),
    ],
)
def test_what_is_uploaded_instead(
    compute_at: Callable[..., Compute],
    queued: str,
    options: dict[str, Any],
    image_format: str,
    disks_a: Disks,
) -> None:
    """Another format; no store at this site; a store of another cluster."""
    host = compute_at(**options)
    disk = Rbd(host.instance(), 'disk')
    process.kept().volumes.create(disk.rbd_name, 8 << 20)
    with pytest.raises(exception.ImageUnacceptable):
        disk.direct_snapshot(
            host.context, uuid.uuid4().hex, image_format, queued, ''
        )
    # As the driver calls it then.
    disk.cleanup_direct_snapshot(
        None, also_destroy_volume=True, ignore_errors=True
    )
    assert disks_a.seen(disk.rbd_name) == (8 << 20, frozenset())
    assert queued not in disks_a.names(IMAGES)


def test_failure_leaves_nothing(
    ours: Compute, queued: str, disks_a: Disks
) -> None:
    disk = Rbd(ours.instance(), 'disk')
    process.kept().volumes.create(disk.rbd_name, 8 << 20)
    with (
        mock.patch(
            'rbd_multistore.ceph.volumes.Volumes.flatten',
            side_effect=RuntimeError,
        ),
        pytest.raises(RuntimeError),
    ):
        disk.direct_snapshot(ours.context, 'meanwhile', 'raw', queued, '')
    assert disks_a.seen(disk.rbd_name) == (8 << 20, frozenset())
    assert queued not in disks_a.names(IMAGES)


def test_locations_elsewhere_are_novas(
    compute_at: Callable[..., Compute], queued: str
) -> None:
    """What is not in RBD goes Nova's own way."""
    host = compute_at(Side.OURS)
    with pytest.raises(Exception, match='http store|403|Forbidden|authorized'):
        register(host, queued, 'http://127.0.0.1:1/image')
