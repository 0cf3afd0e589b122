# SPDX-License-Identifier: Apache-2.0
"""Counting clones; what it counts is in the contract as well."""

from __future__ import annotations

import struct

import pytest
import rados

from rbd_multistore import exceptions
from rbd_multistore.ceph.clones import count_clones
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volumes
from tests.unit.fakes import objclass
from tests.unit.fakes.server import CephServer

PARENT = Snapshot('images', 'one', 'snap')


@pytest.fixture
def clones(server: CephServer, cluster: Cluster) -> None:
    """Two in one pool, one in another; none is opened to count them."""
    server.pools['more'] = {}
    Volumes(cluster, 'vms').clone(PARENT, 'a', None)
    Volumes(cluster, 'vms').clone(PARENT, 'b', None)
    Volumes(cluster, 'more').clone(PARENT, 'c', None)
    server.calls.clear()


@pytest.mark.usefixtures('clones')
def test_in_all_pools(server: CephServer, cluster: Cluster) -> None:
    assert count_clones(cluster, PARENT) == 3
    assert server.calls.count('Image') == 1


@pytest.mark.usefixtures('clones')
def test_pool_that_may_not_be_read(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = objclass.execute

    def execute(
        server: CephServer, pool: str, key: str, method: str, data: bytes
    ) -> bytes:
        if pool == 'vms':
            raise rados.PermissionError('no', errno=1)
        return real(server, pool, key, method, data)

    monkeypatch.setattr(objclass, 'execute', execute)
    assert count_clones(cluster, PARENT) == 1


@pytest.mark.usefixtures('clones')
def test_second_clone_format(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the parent's header has them."""
    real = objclass.execute

    def execute(
        server: CephServer, pool: str, key: str, method: str, data: bytes
    ) -> bytes:
        if method != 'children_list':
            return real(server, pool, key, method, data)
        assert key == f'rbd_header.{objclass.image_id("one")}'
        assert data == struct.pack('<Q', 1)
        return struct.pack('<I', 5) + b'and what they are'

    monkeypatch.setattr(objclass, 'execute', execute)
    assert count_clones(cluster, PARENT) == 3 + 5


def test_cluster_that_is_away(server: CephServer, cluster: Cluster) -> None:
    server.fail(
        'Ioctx.execute get_children', rados.TimedOut('asking', errno=110)
    )
    with pytest.raises(exceptions.ClusterUnavailable, match='count the'):
        count_clones(cluster, PARENT)
