# SPDX-License-Identifier: Apache-2.0
"""The RBD image that Glance is writing, or left, in a store's pool.

Glance names it after its own image, makes it at full size, writes it from
front to back, and takes the snapshot ``snap`` when all is there.

Source: ``glance_store._drivers.rbd``, and observed (Ceph 16, Glance 33).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster

_WHOLE = 'snap'


@dataclasses.dataclass(frozen=True)
class Upload:
    """An RBD image in a store's pool, as far as it is there.

    :ivar size_bytes: its full size
    :ivar written_bytes: what is written of it, in whole objects; ``None``:
        it has no object map to tell
    :ivar snapshots: the names of its snapshots
    :ivar watchers: addresses of the clients that have it open for writing
    """

    size_bytes: int
    written_bytes: int | None
    snapshots: frozenset[str]
    watchers: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Tell whether Glance has written all of it."""
        return _WHOLE in self.snapshots


class Uploads:
    """The uploads in one store's pool. Safe for threads."""

    def __init__(self, cluster: Cluster, pool: str):
        """Look at the images of *pool*."""
        self.pool = pool
        self._cluster = cluster

    def fsid(self) -> str:
        """Return the id of the cluster that the pool is in."""
        return self._cluster.fsid()

    def look(self, image_id: str) -> Upload | None:
        """Return what is there of an image; ``None``: nothing.

        The writer is not disturbed: the image is opened read-only.

        :raises CephError: the cluster does not answer, or not to us
        """
        doing = f'look at {self.pool}/{image_id}'
        with self._cluster.pool(self.pool, doing) as images:
            try:
                opened = rbd.Image(images, image_id, read_only=True)
            except rbd.ImageNotFound:
                return None
            with opened as image:
                return _look(image)

    def remove_unused(self, image_id: str, check: Callable[[], None]) -> None:
        """Remove an image that nobody has open and that has no snapshot.

        Both are made sure of while this client holds the image's exclusive
        lock, and so is *check*, which raises where there is another reason
        to keep it. librbd then looks at both once more by itself.

        Between the lock's end and the removal nobody can begin to use the
        image: Glance makes an image anew, and fails where one exists.

        :raises VolumeBusy: it is open somewhere, or has a snapshot
        :raises VolumeNotFound: it is not there any more
        """
        doing = f'remove {self.pool}/{image_id}'
        with self._cluster.pool(self.pool, doing) as images:
            self._check_under_lock(images, image_id, check)
            rbd.RBD().remove(images, image_id)

    def _check_under_lock(
        self, images: rados.Ioctx, image_id: str, check: Callable[[], None]
    ) -> None:
        with rbd.Image(images, image_id) as image:
            # The lock is asked of a live owner, who would hand it over: so
            # others come first. One watcher is this client itself.
            self._check_unused(image, image_id)
            image.lock_acquire(rbd.RBD_LOCK_MODE_EXCLUSIVE)
            self._check_unused(image, image_id)
            check()

    def _check_unused(self, image: rbd.Image, image_id: str) -> None:
        seen = _look(image)
        if len(seen.watchers) > 1 or seen.snapshots:
            raise exceptions.VolumeBusy(
                f'{self.pool}/{image_id} is kept: it has '
                f'{len(seen.watchers) - 1} other clients and '
                f'{len(seen.snapshots)} snapshots.'
            )


def _look(image: rbd.Image) -> Upload:
    size_bytes = image.size()
    return Upload(
        size_bytes=size_bytes,
        written_bytes=_written_bytes(image, size_bytes),
        snapshots=frozenset(snap['name'] for snap in image.list_snaps()),
        watchers=frozenset(
            f'{watcher["addr"]} {watcher["cookie"]}'
            for watcher in image.watchers_list()
        ),
    )


def _written_bytes(image: rbd.Image, size_bytes: int) -> int | None:
    if not image.features() & rbd.RBD_FEATURE_FAST_DIFF:
        return None
    lengths: list[int] = []

    def found(_offset: int, length: int, exists: bool) -> None:
        if exists:
            lengths.append(length)

    image.diff_iterate(0, size_bytes, None, found, whole_object=True)
    return sum(lengths)
