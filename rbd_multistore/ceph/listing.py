# SPDX-License-Identifier: Apache-2.0
"""All volumes of a pool, with few of them opened."""

from __future__ import annotations

from concurrent import futures

import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph import headers
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volume, Volumes, parent_of

_PARALLEL_LOOKS = 8


def list_volumes(volumes: Volumes) -> tuple[Volume, ...]:
    """Return all volumes, sorted by name.

    Their headers are read, some at a time. librbd opens one clone of each
    snapshot, to name it, and what has a header that cannot be read so. A
    volume that is removed meanwhile is left out.
    """
    doing = f'list pool {volumes.pool}'
    with (
        volumes.cluster.pool(volumes.pool, doing) as disks,
        futures.ThreadPoolExecutor(_PARALLEL_LOOKS) as threads,
    ):
        ids = {one['name']: one['id'] for one in rbd.RBD().list2(disks)}
        listing = _Listing(volumes, disks)
        names = sorted(ids)
        found = threads.map(listing.look, names, map(ids.__getitem__, names))
        return tuple(volume for volume in found if volume is not None)


class _Listing:
    """Looks at volumes. Safe for threads: two may open clones of one
    snapshot, and learn the same."""

    def __init__(self, volumes: Volumes, disks: rados.Ioctx):
        self._volumes = volumes
        self._disks = disks
        self._parents: dict[bytes, Snapshot] = {}

    def look(self, name: str, image_id: str) -> Volume | None:
        """Return a volume; ``None``: it is not there any more."""
        header = headers.read(self._disks, image_id)
        if header is None:
            return self._shown(name)
        if not header.parent:
            return self._volume(name, header.size_bytes, None)
        known = self._parents.get(header.parent)
        if known is not None:
            return self._volume(name, header.size_bytes, known)
        return self._opened(name, image_id, header)

    def _opened(
        self, name: str, image_id: str, header: headers.Header
    ) -> Volume | None:
        # By its id, as another image may have the name by now: what the
        # header says is remembered for others.
        try:
            opened = rbd.Image(self._disks, image_id=image_id, read_only=True)
        except rbd.ImageNotFound:
            return None
        with opened as image:
            parent = parent_of(image)
        if parent is not None:
            self._parents[header.parent] = parent
        return self._volume(name, header.size_bytes, parent)

    def _shown(self, name: str) -> Volume | None:
        try:
            return self._volumes.show(name)
        except exceptions.VolumeNotFound:
            return None

    def _volume(
        self, name: str, size_bytes: int, parent: Snapshot | None
    ) -> Volume:
        return Volume(name, self._volumes.pool, size_bytes, parent)
