# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore import exceptions
from rbd_multistore.virt.pool import Host, Pool, Secret, parse_pool
from tests.unit import recorded


def pool_xml(name: str) -> str:
    return recorded.text(f'libvirt-9/{name}.xml')


def test_pool() -> None:
    assert parse_pool(pool_xml('pool')) == Pool(
        name='rbd-multistore-site_a',
        source='vms',
        hosts=(Host('127.0.0.1', '29480'),),
        user='nova',
        secret=Secret('53d2626a-c026-4fe4-95eb-0db418c2d7a7', ''),
    )


def test_pool_without_cephx() -> None:
    assert parse_pool(pool_xml('pool-noauth')) == Pool(
        name='unit-rbd',
        source='vms',
        hosts=(Host('::1', '6789'), Host('mon.example', '')),
        user='',
        secret=None,
    )


def test_pool_with_a_secret_by_usage() -> None:
    pool = parse_pool(pool_xml('pool-usage'))
    assert pool.user == 'nova'
    assert pool.secret == Secret('', 'client.nova secret')
    assert pool.hosts[0] == Host('2001:db8::1', '6789')


def test_pool_of_another_type() -> None:
    with pytest.raises(exceptions.LibvirtPoolInvalid) as caught:
        parse_pool(pool_xml('pool-dir'))
    assert 'unit-dir is of type dir, not rbd' in str(caught.value)
    assert 'libvirt_pool' in str(caught.value)


@pytest.mark.parametrize(
    ('gone', 'fault'),
    [
        ('<name>vms</name>', 'names no Ceph pool'),
        ("<host name='127.0.0.1' port='29480'/>", 'names no monitor'),
        (
            "<secret uuid='53d2626a-c026-4fe4-95eb-0db418c2d7a7'/>",
            'without a <secret>',
        ),
    ],
)
def test_pool_that_lacks_a_part(gone: str, fault: str) -> None:
    xml = pool_xml('pool')
    assert gone in xml
    with pytest.raises(exceptions.LibvirtPoolInvalid, match=fault) as caught:
        parse_pool(xml.replace(gone, ''))
    assert 'rbd-multistore-site_a' in str(caught.value)


def test_entities_are_not_followed() -> None:
    xml = (
        '<!DOCTYPE pool [<!ENTITY other SYSTEM "file:///etc/hostname">]>'
        + pool_xml('pool').replace('>vms<', '>&other;<')
    )
    with pytest.raises(exceptions.LibvirtPoolInvalid):
        parse_pool(xml)
