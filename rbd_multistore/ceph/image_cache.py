# SPDX-License-Identifier: Apache-2.0
"""Images that no store of this site can hold, as volumes to clone.

An image that cannot be cloned, such as a qcow2, is downloaded and converted
once; what came of it is written here, and every later volume is a clone.

A volume with its protected snapshot is whole. One without is being written,
by somebody who has it open all the time, or was left by a process that died.
Of several hosts that write the same image one makes the volume (librbd makes
a name only once; renaming is not as strict), and the others wait for it.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
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

# Who was at it for so long has died.
_UNFINISHED_AGE_S = 24 * 3600.0

_ATTEMPTS = 3
_PAUSE_S = 1.0
_LONGEST_WAIT_S = 600.0
# Between making a volume and opening it there is a moment.
_LOOKS_UNTIL_DEAD = 3


class ImageCache:
    """The cached images of one pool. Safe for threads."""

    def __init__(
        self,
        cluster: Cluster,
        pool: str,
        utc: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(
            datetime.UTC
        ),
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Keep images in *pool*, where the volumes are that clone them."""
        self.pool = pool
        self._cluster = cluster
        self._utc = utc
        self._sleep = sleep
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

        Where another host is at it, its volume is waited for and used; what
        a host left that died is removed. ``None``: another host did not get
        done within 10 minutes; nothing was kept.

        :raises OSError: the file cannot be read
        """
        for _ in range(_ATTEMPTS):
            try:
                self._files.import_file(path, _PREFIX + image_id, _WHOLE)
            except exceptions.VolumeExists:
                self._await_writer(image_id)
            except exceptions.VolumeNotFound as exc:
                # Taken for one that a dead host left, before it was open.
                LOG.info('Image %s is written anew: %s', image_id, exc)
            found = self.find(image_id)
            if found is not None:
                return found
        return None

    def remove_unused(self, least_age_s: float) -> tuple[str, ...]:
        """Remove the volumes that have no clone; return their names.

        librbd refuses to unprotect a snapshot that has clones, and to
        remove a volume that is open or has snapshots: nothing that is in
        use is lost, whoever begins to use it meanwhile.

        :param least_age_s: one that was made later stays, in seconds; one
            that is not whole stays for a day at least
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

    def _await_writer(self, image_id: str) -> None:
        """Wait until another host's volume is whole, or gone.

        One that nobody has open any more is removed.
        """
        looks_left = int(_LONGEST_WAIT_S / _PAUSE_S)
        not_open = 0
        with contextlib.suppress(exceptions.VolumeNotFound):
            while looks_left and self.find(image_id) is None:
                is_open = self._is_open(_PREFIX + image_id)
                not_open = 0 if is_open else not_open + 1
                if not_open == _LOOKS_UNTIL_DEAD:
                    return self._remove_unfinished(image_id)
                looks_left -= 1
                self._sleep(_PAUSE_S)
        return None

    def _remove_unfinished(self, image_id: str) -> None:
        name = _PREFIX + image_id
        LOG.warning('Removing %s/%s, which is half-written', self.pool, name)
        with contextlib.suppress(exceptions.VolumeBusy):
            if self.find(image_id) is None:
                self._remove(name)

    def _is_unused(self, name: str, least_age_s: float) -> bool:
        is_whole = _WHOLE in self._snapshots.names(name)
        if not is_whole:
            least_age_s = max(least_age_s, _UNFINISHED_AGE_S)
        age = self._utc() - self._made_at(name)
        if age.total_seconds() < least_age_s:
            return False
        return not is_whole or not self._snapshots.has_clones(name, _WHOLE)

    def _remove(self, name: str) -> None:
        if _WHOLE in self._snapshots.names(name):
            self._snapshots.remove_protected(name, _WHOLE)
        self._volumes.remove(name)

    def _made_at(self, name: str) -> datetime.datetime:
        with self._opened(name) as image:
            made: datetime.datetime = image.create_timestamp()
            return made.replace(tzinfo=datetime.UTC)

    def _is_open(self, name: str) -> bool:
        with self._opened(name) as image:
            # Who opens it to read, as here, is not among them.
            return any(True for _watcher in image.watchers_list())

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[rbd.Image]:
        doing = f'look at {self.pool}/{name}'
        with (
            self._cluster.pool(self.pool, doing) as disks,
            rbd.Image(disks, name, read_only=True) as image,
        ):
            yield image
