# SPDX-License-Identifier: Apache-2.0
"""The plug-in comes and goes; the volumes stay.

What one side made, the other uses: ours are put in place on a host that has
instances, and taken away again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nova.storage import rbd_utils

from tests.functional.main_job.disks import IMAGES, Disks
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.functional.nova_backend.compute import Compute, Side, head
from tests.functional.nova_backend.test_differential import (
    file_of,
    shown_locations,  # noqa: F401
)

MIB = 1 << 20
GIB = 1 << 30
SIDES = [
    pytest.param(Side.OURS, Side.NOVAS, id='removed'),
    pytest.param(Side.NOVAS, Side.OURS, id='put-in-place'),
]


@pytest.fixture
def image(upload: Uploads) -> Uploaded:
    return upload('site_a')


def make(host: Compute, image_id: str) -> Any:
    """An instance with each kind of disk, in the middle of a resize."""
    instance = host.boot(image_id)
    host.disk(instance, 'disk.eph0').cache(
        fetch_func=file_of(b'1' * MIB),
        context=host.context,
        filename='ephemeral_1_abcdefg',
        size=2 * MIB,
        ephemeral_size=1,
    )
    drive = host.home / 'drive'
    drive.write_bytes(b'2' * 409600)
    host.disk(instance, 'disk.config').import_file(
        instance, str(drive), 'disk.config'
    )
    host.disk(instance).create_snap('nova-resize')
    return instance


def volumes_of(instance: Any, disks: Disks) -> dict[str, int]:
    return {
        name.removeprefix(f'{instance.uuid}_'): disks.seen(name)[0]
        for name in disks.names()
        if name.startswith(instance.uuid)
    }


@pytest.mark.parametrize(('maker', 'user'), SIDES)
@pytest.mark.usefixtures('shown_locations')
def test_instance_goes_on(
    compute_at: Callable[..., Compute],
    image: Uploaded,
    disks_a: Disks,
    maker: Side,
    user: Side,
) -> None:
    host = compute_at(maker)
    instance = make(host, image.id)
    before = head(disks_a, f'{instance.uuid}_disk')
    host.switch_on(user)
    disk = host.disk(instance)
    assert disk.exists()
    assert disk.get_disk_size('') == GIB
    # Started anew, and nothing is made anew.
    host.root(instance, image.id)
    assert volumes_of(instance, disks_a) == {
        'disk': GIB,
        'disk.eph0': 2 * MIB,
        'disk.config': 409600,
    }
    disk.resize_image(2 * GIB)
    disk.rollback_to_snap('nova-resize')
    disk.remove_snap('nova-resize')
    assert disks_a.seen(disk.rbd_name) == (GIB, frozenset())
    assert head(disks_a, disk.rbd_name) == before
    disk.flatten()
    disk.create_snap('nova-resize')
    host.driver._cleanup_rbd(instance)
    assert volumes_of(instance, disks_a) == {}


@pytest.mark.parametrize(('maker', 'user'), SIDES)
@pytest.mark.usefixtures('shown_locations')
def test_snapshot_boots(
    compute_at: Callable[..., Compute],
    upload: Uploads,
    disks_a: Disks,
    maker: Side,
    user: Side,
) -> None:
    """The data of an image, which one side made, is cloned by the other."""
    image = upload('site_a')
    host = compute_at(maker)
    disk = host.disk(host.instance(), 'disk.rescue')
    disk.clone(host.context, image.id)
    made = str(uuid.uuid4())
    url = disk.direct_snapshot(
        host.context, uuid.uuid4().hex, 'raw', made, image.id
    )
    host.switch_on(user)
    copy = host.disk(host.instance(), 'disk.rescue')
    copy.driver.clone({'url': url}, copy.rbd_name)
    assert disks_a.read(copy.rbd_name) == image.data
    rbd_utils.RBDDriver().destroy_volume(copy.rbd_name)
    copy.cleanup_direct_snapshot({'url': url}, also_destroy_volume=True)
    assert made not in disks_a.names(IMAGES)


def test_clone_of_a_cached_image_goes_on(
    compute_at: Callable[..., Compute],
    upload: Uploads,
    small_qcow2: Path,
    disks_a: Disks,
) -> None:
    """It is a clone like others; stock Nova writes the next one flat."""
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')
    host = compute_at(Side.OURS)
    ours = host.boot(image.id)
    data = head(disks_a, f'{ours.uuid}_disk')
    host.switch_on(Side.NOVAS)
    novas = host.boot(image.id)
    assert head(disks_a, f'{novas.uuid}_disk') == data
    disk = host.disk(ours)
    disk.resize_image(2 * GIB)
    assert disk.get_disk_size('') == 2 * GIB
    for instance in (ours, novas):
        host.driver._cleanup_rbd(instance)
        assert volumes_of(instance, disks_a) == {}
