# SPDX-License-Identifier: Apache-2.0
"""How many clones a snapshot has, without opening one of them.

librbd's own list of them opens each (seen in 16.2: 9 ms a clone). Where they
are noted depends on the cluster's clone format: with the first, each pool
has an object ``rbd_children`` that says which of its images are clones of
which snapshot; with the second, the parent's header does. Both notes begin
with the number that is looked for.

Source: ``src/cls/rbd/cls_rbd.cc`` of Ceph, and observed (16.2).
"""

from __future__ import annotations

import dataclasses
import struct

import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot

_CLASS = 'rbd'
_NUMBER = struct.Struct('<I')
_POOL = struct.Struct('<q')
_SNAPSHOT = struct.Struct('<Q')

# Room for a million clones; nothing is taken but what is answered.
_LONGEST_ANSWER = 1 << 24


@dataclasses.dataclass(frozen=True)
class _Parent:
    """A snapshot by the ids that Ceph has for it."""

    pool: int
    image: str
    snapshot: int

    @property
    def key(self) -> bytes:
        """What names it in ``rbd_children``."""
        image = self.image.encode()
        return b''.join(
            (
                _POOL.pack(self.pool),
                _NUMBER.pack(len(image)) + image,
                _SNAPSHOT.pack(self.snapshot),
            )
        )


def count_clones(cluster: Cluster, snapshot: Snapshot) -> int:
    """Return how many clones there are, also in the trash.

    Pools that the cephx user may not read are left out.

    :raises SnapshotNotFound: there is no such snapshot
    """
    doing = f'count the clones of {snapshot}'
    with cluster.pool(snapshot.pool, doing) as images:
        parent = _find(images, snapshot)
        noted = _number(
            images,
            f'rbd_header.{parent.image}',
            'children_list',
            _SNAPSHOT.pack(parent.snapshot),
        )
    return noted + sum(
        _noted_in(cluster, pool, parent, doing) for pool in cluster.pools()
    )


def _noted_in(cluster: Cluster, pool: str, parent: _Parent, doing: str) -> int:
    try:
        with cluster.pool(pool, doing) as disks:
            return _number(disks, 'rbd_children', 'get_children', parent.key)
    except (exceptions.PoolNotFound, exceptions.CephForbidden):
        return 0


def _find(images: rados.Ioctx, snapshot: Snapshot) -> _Parent:
    try:
        image = rbd.Image(images, snapshot.image, read_only=True)
    except rbd.ImageNotFound as exc:
        raise _not_found(snapshot) from exc
    with image:
        ids = {snap['name']: snap['id'] for snap in image.list_snaps()}
        if snapshot.name not in ids:
            raise _not_found(snapshot)
        return _Parent(images.get_pool_id(), image.id(), ids[snapshot.name])


def _number(pool: rados.Ioctx, note: str, method: str, about: bytes) -> int:
    try:
        _, answer = pool.execute(note, _CLASS, method, about, _LONGEST_ANSWER)
    except rados.ObjectNotFound:
        return 0
    (number,) = _NUMBER.unpack_from(answer)
    return int(number)


def _not_found(snapshot: Snapshot) -> exceptions.SnapshotNotFound:
    return exceptions.SnapshotNotFound(f'{snapshot} is not in the cluster.')
