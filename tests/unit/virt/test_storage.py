# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import libvirt
import pytest

from rbd_multistore import exceptions
from rbd_multistore.virt.disk import volume_xml
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import parse_pool
from rbd_multistore.virt.storage import StoragePool
from tests.unit.fakes.server import LibvirtServer
from tests.unit.virt.conftest import POOL


@pytest.fixture
def pool(daemon: Libvirt) -> StoragePool:
    return StoragePool(daemon, POOL)


def test_definition_is_read_afresh(
    server: LibvirtServer, pool: StoragePool
) -> None:
    assert pool.definition() == parse_pool(server.pools[POOL].xml)
    server.pools[POOL].xml = server.pools[POOL].xml.replace('29480', '29481')
    assert pool.definition().hosts[0].port == '29481'


def test_no_such_pool(daemon: Libvirt) -> None:
    nowhere = StoragePool(daemon, 'nowhere')
    with pytest.raises(exceptions.LibvirtPoolNotFound, match='nowhere'):
        nowhere.definition()
    with pytest.raises(exceptions.LibvirtPoolNotFound, match='nowhere'):
        nowhere.create_volume('v', 1)


def test_pool_of_another_type(daemon: Libvirt) -> None:
    with pytest.raises(exceptions.LibvirtPoolInvalid):
        StoragePool(daemon, 'unit-dir').definition()


def test_volume_in_an_active_pool(
    server: LibvirtServer, pool: StoragePool
) -> None:
    server.pools[POOL].active = True
    assert pool.create_volume('v', 1 << 30) is True
    assert server.pools[POOL].volumes == {'v': volume_xml('v', 1 << 30)}


def test_no_volume_in_an_inactive_pool(
    server: LibvirtServer, pool: StoragePool
) -> None:
    assert pool.create_volume('v', 1 << 30) is False
    assert server.pools[POOL].volumes == {}


def test_name_that_the_pool_still_lists(
    server: LibvirtServer, pool: StoragePool
) -> None:
    server.pools[POOL].active = True
    server.pools[POOL].volumes['v'] = 'as it was'
    assert pool.create_volume('v', 1 << 30) is False
    assert server.pools[POOL].volumes == {'v': 'as it was'}


def test_other_trouble(
    server: LibvirtServer, pool: StoragePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, xml: str, flags: int = 0) -> None:
        raise libvirt.error(  # type: ignore[attr-defined]
            libvirt.VIR_ERR_SYSTEM_ERROR,
            "failed to create volume 'vms/v': File exists",
        )

    server.pools[POOL].active = True
    monkeypatch.setattr(libvirt.virStoragePool, 'createXML', refuse)
    with pytest.raises(exceptions.VirtError, match='File exists'):
        pool.create_volume('v', 1 << 30)
