# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64

import pytest

from rbd_multistore import exceptions
from rbd_multistore.virt.define import define_pool
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Host, Pool
from rbd_multistore.virt.storage import StoragePool
from tests.unit.fakes.server import LibvirtServer
from tests.unit.fakes.server import StoragePool as StandIn
from tests.unit.virt.conftest import KEY, POOL, SECRET

HOSTS = (Host('10.0.0.1', '3300'), Host('mon.example.org', ''))


def _define(
    daemon: Libvirt,
    name: str = 'vms-a',
    source: str = 'vms',
    hosts: tuple[Host, ...] = HOSTS,
    key: bytes = KEY,
) -> Pool:
    return define_pool(
        daemon, name, source, hosts, 'nova', base64.b64encode(key).decode()
    )


def test_what_is_defined_is_what_is_read(daemon: Libvirt) -> None:
    made = _define(daemon)
    assert StoragePool(daemon, 'vms-a').definition() == made
    assert made.secret is not None
    assert base64.b64decode(daemon.key(made.secret)) == KEY


def test_again_changes_only_the_key(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    made = _define(daemon)
    secrets = len(server.secrets)
    assert _define(daemon, key=b'new') == made
    assert len(server.secrets) == secrets
    assert made.secret is not None
    assert base64.b64decode(daemon.key(made.secret)) == b'new'


def test_a_pool_that_somebody_defined_keeps_its_secret(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    there = StoragePool(daemon, POOL).definition()
    made = _define(daemon, POOL, there.source, there.hosts, b'new')
    assert made == there
    assert [secret.uuid for secret in server.secrets] == [SECRET]
    assert server.secrets[0].value == b'new'


def test_another_pool_of_that_name_is_left_alone(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    _define(daemon)
    before = dict(server.pools)
    with pytest.raises(exceptions.LibvirtPoolInvalid, match='another'):
        _define(daemon, source='images', key=b'new')
    assert server.pools == before
    assert b'new' not in {secret.value for secret in server.secrets}


def test_pool_of_another_type_is_left_alone(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    """What helps is another name; the option is not the matter."""
    xml = "<pool type='dir'><name>vms-a</name></pool>"
    server.pools['vms-a'] = StandIn(xml)
    before = dict(server.pools)
    with pytest.raises(
        exceptions.LibvirtPoolInvalid, match='choose another name'
    ) as caught:
        _define(daemon, key=b'new')
    assert 'libvirt_pool' not in str(caught.value)
    assert server.pools == before
    assert b'new' not in {secret.value for secret in server.secrets}
