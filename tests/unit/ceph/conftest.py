# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

import pytest

from rbd_multistore.ceph.cluster import Access, Cluster
from tests.unit import recorded
from tests.unit.fakes.server import CephServer

FSID = '24b8c50a-2daa-4082-955d-6952a07acb72'
MON_HOST = '127.0.0.1:6789'
KEY = 'AQAAAAAAAAAAABAAYSBrZXkgaW4gYSB0ZXN0IQ=='
ACCESS = Access(mon_host=MON_HOST, user='nova', key=KEY)


@pytest.fixture
def server() -> CephServer:
    """A cluster that answers what was recorded, with one image of 64 MiB."""
    server = CephServer(FSID, 'images', 'vms')
    server.keys['nova'] = KEY
    for command in ('mon dump', 'df'):
        name = f'ceph-16/{command.replace(" ", "-")}.json'
        server.answers[command] = (0, recorded.raw(name), '')
    server.upload('images', 'one', 64 << 20)
    CephServer.reachable[MON_HOST] = server
    return server


@pytest.fixture
def cluster(server: CephServer) -> Iterator[Cluster]:
    cluster = Cluster(ACCESS, timeout_s=7)
    yield cluster
    cluster.close()
