# SPDX-License-Identifier: Apache-2.0
"""A guest boots from a clone, and its image stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.lab import guest, virt
from tests.lab.image import (
    BOOTED,
    MARKER,
    MARKER_OFFSET_BYTES,
    SECTOR_BYTES,
    WRITTEN,
)
from tests.lab.lab import Lab


@pytest.fixture
def bootable_image(upload: Uploads, small_raw: Path) -> Uploaded:
    """At site_a."""
    return upload('site_a', path=small_raw)


@pytest.fixture
def volume(demo: Program, bootable_image: Uploaded, name: str) -> str:
    """Name of a clone of the image."""
    demo.done('volume', 'create', name, '--image', bootable_image.id)
    return name


def xml_of(demo: Program, *words: str) -> str:
    outcome = demo.run('volume', 'xml', *words)
    assert (outcome.status, outcome.stderr) == (0, ''), outcome
    return outcome.stdout


@pytest.mark.parametrize(
    'where', [(), ('--target', 'hda', '--bus', 'ide')], ids=['virtio', 'ide']
)
def test_boot(
    lab: Lab,
    demo: Program,
    volume: str,
    bootable_image: Uploaded,
    disks_a: Disks,
    tmp_path: Path,
    where: tuple[str, ...],
) -> None:
    xml = xml_of(demo, volume, *where)
    lines = guest.boot(lab.libvirt.uri, xml, tmp_path)
    assert lines == [BOOTED, WRITTEN]
    with disks_a.opened(volume) as disk:
        written = disk.read(MARKER_OFFSET_BYTES, SECTOR_BYTES)
    assert written == MARKER.ljust(SECTOR_BYTES, b'\0')
    parent = disks_a.read(bootable_image.id, 'images', 'snap')
    assert parent == bootable_image.data
    assert MARKER not in parent[MARKER_OFFSET_BYTES:][:SECTOR_BYTES]


def test_boot_from_a_flattened_volume(
    lab: Lab,
    demo: Program,
    upload: Uploads,
    small_raw: Path,
    admin_glance: Any,
    name: str,
    tmp_path: Path,
) -> None:
    """It does not need its image any more."""
    image = upload('site_a', path=small_raw)
    demo.done('volume', 'create', name, '--image', image.id)
    demo.done('volume', 'flatten', name)
    admin_glance.images.delete(image.id)
    lines = guest.boot(lab.libvirt.uri, xml_of(demo, name), tmp_path)
    assert lines == [BOOTED, WRITTEN]


def test_element_says_what_the_pool_says(
    lab: Lab, demo: Program, volume: str
) -> None:
    disk = etree.fromstring(xml_of(demo, volume))
    state = lab.clusters['site_a'].state
    assert disk.find('source').attrib == {
        'protocol': 'rbd',
        'name': f'vms/{volume}',
    }
    assert [dict(host.attrib) for host in disk.iterfind('source/host')] == [
        {'name': '127.0.0.1', 'port': str(state.mon_v2_port)}
    ]
    assert disk.find('auth').get('username') == 'nova'
    assert disk.find('auth/secret').get('uuid') == state.secret_uuid
    assert disk.find('target').attrib == {'dev': 'vda', 'bus': 'virtio'}


@pytest.fixture
def redefined(lab: Lab, name: str) -> Iterator[str]:
    """Name of a pool like site_a's that knows its secret by its usage."""
    name = f'{name}-pool'
    with lab.libvirt.connect() as connection:
        xml = etree.fromstring(
            connection.storagePoolLookupByName(
                virt.pool_name('site_a')
            ).XMLDesc()
        )
        secret = connection.secretLookupByUUIDString(
            lab.clusters['site_a'].state.secret_uuid
        )
        xml.find('name').text = name
        xml.remove(xml.find('uuid'))
        element = xml.find('source/auth/secret')
        del element.attrib['uuid']
        element.set('usage', secret.usageID())
        pool = connection.storagePoolDefineXML(
            etree.tostring(xml, encoding='unicode')
        )
        yield name
        pool.undefine()


def test_pool_that_names_its_secret_by_usage(
    lab: Lab,
    demo_with: Callable[..., Program],
    volume: str,
    redefined: str,
    tmp_path: Path,
) -> None:
    demo = demo_with(libvirt_pool=redefined)
    assert demo.done('volume', 'show', volume)['name'] == volume
    xml = xml_of(demo, volume)
    assert 'usage=' in xml
    lines = guest.boot(lab.libvirt.uri, xml, tmp_path)
    assert lines == [BOOTED, WRITTEN]
