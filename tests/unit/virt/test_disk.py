# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from lxml import etree

from rbd_multistore.virt.disk import DiskSource, disk_xml, volume_xml
from rbd_multistore.virt.pool import Host, Secret, parse_pool
from tests.unit import recorded

FULL = """\
<disk type="network" device="disk">
  <driver name="qemu" type="raw"/>
  <source protocol="rbd" name="vms/v1">
    <host name="127.0.0.1" port="29480"/>
  </source>
  <auth username="nova">
    <secret type="ceph" uuid="53d2626a-c026-4fe4-95eb-0db418c2d7a7"/>
  </auth>
  <target dev="vda" bus="virtio"/>
</disk>
"""


def test_disk_of_a_pool() -> None:
    pool = parse_pool(recorded.text('libvirt-9/pool.xml'))
    source = DiskSource(pool.hosts, pool.user, pool.secret)
    assert disk_xml(source, 'vms', 'v1', 'vda', 'virtio') == FULL


def test_disk_without_cephx_and_ports() -> None:
    source = DiskSource([Host('::1', ''), Host('mon', '6789')], '', None)
    disk = etree.fromstring(disk_xml(source, 'vms', 'v1', 'hda', 'ide'))
    assert [dict(host.attrib) for host in disk.iterfind('source/host')] == [
        {'name': '::1'},
        {'name': 'mon', 'port': '6789'},
    ]
    assert disk.find('auth') is None
    target = disk.find('target')
    assert target is not None
    assert dict(target.attrib) == {'dev': 'hda', 'bus': 'ide'}


def test_disk_with_a_secret_by_usage() -> None:
    source = DiskSource([], 'nova', Secret('', 'client.nova secret'))
    disk = etree.fromstring(disk_xml(source, 'vms', 'v1', 'vda', 'virtio'))
    secret = disk.find('auth/secret')
    assert secret is not None
    assert dict(secret.attrib) == {
        'type': 'ceph',
        'usage': 'client.nova secret',
    }
    assert disk.find('source/host') is None


def test_names_are_quoted() -> None:
    xml = disk_xml(DiskSource([], '', None), 'vms', 'a"<&b', 'vda', 'virtio')
    source = etree.fromstring(xml).find('source')
    assert source is not None
    assert source.get('name') == 'vms/a"<&b'


def test_blank_volume() -> None:
    volume = etree.fromstring(volume_xml('a<b', 5 << 30))
    assert volume.tag == 'volume'
    assert volume.findtext('name') == 'a<b'
    capacity = volume.find('capacity')
    assert capacity is not None
    assert capacity.text == str(5 << 30)
    assert capacity.get('unit') == 'bytes'
