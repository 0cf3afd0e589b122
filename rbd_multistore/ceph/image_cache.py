# SPDX-License-Identifier: Apache-2.0
"""Images that no store of this site can hold, as volumes to clone.

An image that cannot be cloned, such as a qcow2, is downloaded and converted
once; what came of it is written here, and every later volume is a clone.

A volume gets its final name only when all of it is there, with a protected
snapshot: one of that name is whole. What a process that died left has
another name and no snapshot.
"""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Callable
from pathlib import Path

import rbd
from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.files import Files
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.snapshots import Snapshots
from rbd_multistore.ceph.volumes import Volumes

LOG = logging.getLogger(__name__)

_PREFIX = 'rbd-multistore-cache_'
_WHOLE = 'whole'


class ImageCache:
    """The cached images of one pool. Safe for threads."""

    def __init__(
        self,
        cluster: Cluster,
        pool: str,
        utc: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(
            datetime.UTC
        ),
    ):
        """Keep images in *pool*, where the volumes are that clone them."""
        self.pool = pool
        self._cluster = cluster
        self._utc = utc
        self._volumes = Volumes(cluster, pool)
        self._snapshots = Snapshots(cluster, pool)
        self._files = Files(cluster, pool)

    def find(self, image_id: str) -> Snapshot | None:
        """Return what to clone for an image; ``None``: it is not cached."""
        name = _PREFIX + image_id
        try:
            if self._snapshots.is_protected(name, _WHOLE):
                return Snapshot(self.pool, name, _WHOLE)
        except exceptions.VolumeNotFound:
            pass
        return None

    def add(self, image_id: str, path: Path) -> Snapshot | None:
        """Keep what a raw file holds as the image; return what to clone.

        Where another host was faster, its volume is used. ``None``: the
        name is taken by a volume that is not whole; nothing was kept.

        :raises OSError: the file cannot be read
        """
        name = _PREFIX + image_id
        scratch = f'{name}_{uuid.uuid4().hex[:8]}'
        self._files.import_file(path, scratch)
        with contextlib.ExitStack() as undo:
            undo.callback(self._volumes.remove, scratch)
            self._snapshots.create_protected(scratch, _WHOLE)
            undo.callback(self._snapshots.remove_protected, scratch, _WHOLE)
            with contextlib.suppress(exceptions.VolumeExists):
                self._rename(scratch, name)
                undo.pop_all()
        return self.find(image_id)

    def remove_unused(self, least_age_s: float) -> tuple[str, ...]:
        """Remove the volumes that have no clone; return their names.

        librbd refuses to unprotect a snapshot that has clones, and to
        remove a volume that is open or has snapshots: nothing that is in
        use is lost, whoever begins to use it meanwhile.

        :param least_age_s: one that was made later stays, in seconds
        """
        removed = []
        for name in self._volumes.names():
            if not name.startswith(_PREFIX):
                continue
            try:
                if self._is_unused(name, least_age_s):
                    self._remove(name)
                    removed.append(name)
            except exceptions.CephError as exc:
                LOG.info('The cached image %s stays: %s', name, exc)
        return tuple(removed)

    def _is_unused(self, name: str, least_age_s: float) -> bool:
        age = self._utc() - self._made_at(name)
        if age.total_seconds() < least_age_s:
            return False
        if _WHOLE not in self._snapshots.names(name):
            return True
        return not self._snapshots.has_clones(name, _WHOLE)

    def _remove(self, name: str) -> None:
        if _WHOLE in self._snapshots.names(name):
            self._snapshots.remove_protected(name, _WHOLE)
        self._volumes.remove(name)

    def _made_at(self, name: str) -> datetime.datetime:
        with (
            self._cluster.pool(
                self.pool, f'look at {self.pool}/{name}'
            ) as disks,
            rbd.Image(disks, name, read_only=True) as image,
        ):
            made: datetime.datetime = image.create_timestamp()
            return made.replace(tzinfo=datetime.UTC)

    def _rename(self, scratch: str, name: str) -> None:
        doing = f'rename {self.pool}/{scratch} to {name}'
        with self._cluster.pool(self.pool, doing) as disks:
            rbd.RBD().rename(disks, scratch, name)
