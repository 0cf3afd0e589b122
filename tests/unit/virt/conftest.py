# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.virt.libvirtd import Libvirt
from tests.unit import recorded
from tests.unit.fakes.server import LibvirtServer, Secret, StoragePool

URI = 'qemu:///system'
POOL = 'rbd-multistore-site_a'
SECRET = '53d2626a-c026-4fe4-95eb-0db418c2d7a7'
# In base64: AQBrZXk=
KEY = b'\x01\x00key'


@pytest.fixture
def server() -> LibvirtServer:
    """A libvirtd with a pool and a secret as recorded; the key is made up."""
    server = LibvirtServer()
    server.pools[POOL] = StoragePool(recorded.text('libvirt-9/pool.xml'))
    server.pools['unit-dir'] = StoragePool(
        recorded.text('libvirt-9/pool-dir.xml')
    )
    server.secrets.append(Secret(SECRET, 'client.nova of site_a', KEY))
    LibvirtServer.running[URI] = server
    return server


@pytest.fixture
def daemon(server: LibvirtServer) -> Libvirt:
    return Libvirt(URI)
