# SPDX-License-Identifier: Apache-2.0
"""The listing where librbd is needed, and where something is away.

What it lists is in the contract (``volumes_contract.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.listing import list_volumes
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volume, Volumes
from tests.unit.fakes import objclass
from tests.unit.fakes.server import CephServer

MIB = 1 << 20
PARENT = Snapshot('images', 'one', 'snap')


@pytest.fixture
def volumes(cluster: Cluster) -> Volumes:
    return Volumes(cluster, 'vms')


@pytest.fixture
def answers(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, bytes | Exception], None]:
    """Let a method of the object class answer something else."""

    def let(method: str, answer: bytes | Exception) -> None:
        real = objclass.execute

        def execute(
            server: CephServer, pool: str, key: str, asked: str, data: bytes
        ) -> bytes:
            if asked != method:
                return real(server, pool, key, asked, data)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(objclass, 'execute', execute)

    return let


def test_nothing(volumes: Volumes) -> None:
    assert list_volumes(volumes) == ()


def test_few_are_opened(server: CephServer, volumes: Volumes) -> None:
    for number in range(50):
        volumes.clone(PARENT, f'v{number:02}', None)
    server.calls.clear()
    found = list_volumes(volumes)
    assert len(found) == 50
    assert {volume.parent for volume in found} == {PARENT}
    # One, and what the other threads open before that one is known.
    assert 1 <= server.calls.count('Image') <= 8
    assert 'Image for writing' not in server.calls


def test_without_clones_none_is_opened(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.create('v', MIB)
    server.calls.clear()
    assert list_volumes(volumes) == (Volume('v', 'vms', MIB, None),)
    assert 'Image' not in server.calls


@pytest.mark.parametrize(
    ('method', 'answer'),
    [
        ('get_size', rados.OSError('not supported', errno=95)),
        ('get_size', b''),
        ('get_size', bytes(10)),
        ('get_parent', rados.OSError('another namespace', errno=18)),
        ('get_parent', rados.PermissionError('no', errno=1)),
        ('get_parent', bytes(27)),
    ],
)
def test_what_is_not_answered_is_opened(
    volumes: Volumes,
    answers: Callable[[str, bytes | Exception], None],
    method: str,
    answer: bytes | Exception,
) -> None:
    made = (
        volumes.clone(PARENT, 'v', 80 * MIB),
        volumes.create('w', MIB),
    )
    answers(method, answer)
    assert list_volumes(volumes) == made


def test_parent_that_no_longer_shows_through(
    server: CephServer,
    volumes: Volumes,
    answers: Callable[[str, bytes | Exception], None],
) -> None:
    """A flattened volume's snapshots may still need it; librbd says so."""
    volumes.create('v', MIB)
    answers('get_parent', bytes(28))
    server.calls.clear()
    assert list_volumes(volumes) == (Volume('v', 'vms', MIB, None),)
    assert 'Image' not in server.calls


def test_flattened_meanwhile(
    volumes: Volumes,
    answers: Callable[[str, bytes | Exception], None],
) -> None:
    """Between the look at its header and librbd's."""
    volumes.create('v', MIB)
    answers('get_parent', b'\x01' * 40)
    assert list_volumes(volumes) == (Volume('v', 'vms', MIB, None),)


def test_removed_after_its_header_was_read(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.clone(PARENT, 'v', None)
    server.fail('Image', rbd.ImageNotFound('gone', errno=2))
    assert list_volumes(volumes) == ()


def test_removed_before_its_header_was_read(
    server: CephServer, volumes: Volumes
) -> None:
    volumes.create('v', MIB)
    server.fail(
        'Ioctx.execute get_size', rados.ObjectNotFound('gone', errno=2)
    )
    server.fail('Image', rbd.ImageNotFound('gone', errno=2))
    assert list_volumes(volumes) == ()


def test_cluster_that_goes_away_meanwhile(
    server: CephServer, volumes: Volumes
) -> None:
    """It is not asked for each volume once more."""
    for number in range(50):
        volumes.create(f'v{number}', MIB)
    server.calls.clear()
    server.fail(
        'Ioctx.execute get_parent', rados.TimedOut('asking', errno=110)
    )
    with pytest.raises(exceptions.ClusterUnavailable, match='list pool vms'):
        list_volumes(volumes)
    assert 'Image' not in server.calls
