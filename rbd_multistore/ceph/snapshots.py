# SPDX-License-Identifier: Apache-2.0
"""The snapshots of the volumes of one pool.

Only a protected snapshot can be cloned on every cluster; one that has
clones can be neither unprotected nor removed.

No image is opened *at* a snapshot here: a process that does so, and closes
it soon, is killed by librbd 16.2.15 once in about a thousand times (SIGSEGV,
or ``std::system_error`` in a thread of librados). What is asked of a snapshot
can be asked of the image.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volumes

#: Begins the name of a snapshot that a volume has while an image is made of
#: it; the rest is the image's id.
DIRECT = 'rbd-multistore-direct_'


class Snapshots:
    """The snapshots in one pool. Safe for threads."""

    def __init__(self, cluster: Cluster, pool: str):
        """Work on the images of *pool* in *cluster*."""
        self.cluster = cluster
        self.pool = pool

    def names(self, volume: str) -> frozenset[str]:
        """Return the names of a volume's snapshots.

        :raises VolumeNotFound: there is no volume of that name
        """
        with self._opened_to_read('list the snapshots of', volume) as image:
            return frozenset(snap['name'] for snap in image.list_snaps())

    def is_protected(self, volume: str, snapshot: str) -> bool:
        """Tell whether a volume has the snapshot, and it is protected."""
        doing = f'look at snapshot {snapshot} of'
        with self._opened_to_read(doing, volume) as image:
            names = {snap['name'] for snap in image.list_snaps()}
            return snapshot in names and image.is_protected_snap(snapshot)

    def create(self, volume: str, snapshot: str) -> Snapshot:
        """Take a snapshot.

        :raises VolumeExists: the volume has a snapshot of that name
        :raises VolumeNotFound: there is no volume of that name
        """
        with self._opened(f'take snapshot {snapshot} of', volume) as image:
            image.create_snap(snapshot)
        return Snapshot(self.pool, volume, snapshot)

    def create_protected(self, volume: str, snapshot: str) -> Snapshot:
        """Take a snapshot that can be cloned; errors as in :meth:`create`."""
        with self._opened(f'take snapshot {snapshot} of', volume) as image:
            take_protected(image, snapshot)
        return Snapshot(self.pool, volume, snapshot)

    def remove(self, volume: str, snapshot: str) -> None:
        """Remove a snapshot.

        :raises VolumeBusy: it is protected
        :raises VolumeNotFound: there is no such snapshot or volume
        """
        with self._opened(f'remove snapshot {snapshot} of', volume) as image:
            image.remove_snap(snapshot)

    def remove_protected(self, volume: str, snapshot: str) -> None:
        """Remove a snapshot, protected or not.

        :raises VolumeBusy: it has clones; nothing was changed
        :raises VolumeNotFound: there is no such snapshot or volume
        """
        with self._opened(f'remove snapshot {snapshot} of', volume) as image:
            if image.is_protected_snap(snapshot):
                image.unprotect_snap(snapshot)
            image.remove_snap(snapshot)

    def remove_direct(self, volume: str) -> None:
        """Remove the snapshots that images were made of, and what was made.

        A process that dies while it makes an image of a volume leaves such
        a snapshot, with a clone that is not flattened, which nobody knows
        of. An image that is done is no clone any more, and is not touched.

        :raises VolumeBusy: somebody is at it now, or there are other clones
        :raises VolumeNotFound: there is no such volume
        """
        for snapshot in sorted(self.names(volume)):
            if snapshot.startswith(DIRECT):
                self._remove_made_of(volume, snapshot)
                self.remove_protected(volume, snapshot)

    def _remove_made_of(self, volume: str, snapshot: str) -> None:
        image_id = snapshot.removeprefix(DIRECT)
        for pool, name in self._clones(volume, snapshot):
            if name == image_id:
                # librbd refuses it where it is open, or has a snapshot.
                with contextlib.suppress(exceptions.VolumeNotFound):
                    Volumes(self.cluster, pool).remove(name)

    def has_clones(self, volume: str, snapshot: str) -> bool:
        """Tell whether a snapshot has clones, in the trash too."""
        return bool(self._clones(volume, snapshot))

    def roll_back(self, volume: str, snapshot: str) -> None:
        """Make a volume what it was when the snapshot was taken.

        :raises VolumeNotFound: there is no such snapshot or volume
        """
        with self._opened(f'roll back to {snapshot}', volume) as image:
            image.rollback_to_snap(snapshot)

    def _clones(
        self, volume: str, snapshot: str
    ) -> tuple[tuple[str, str], ...]:
        """Return pool and name of each clone, in the trash too."""
        doing = f'list the clones of snapshot {snapshot} of'
        with self._opened_to_read(doing, volume) as image:
            image.set_snap(snapshot)
            return tuple(
                (clone['pool'], clone['image'])
                for clone in image.list_children2()
            )

    @contextlib.contextmanager
    def _opened(self, verb: str, volume: str) -> Iterator[rbd.Image]:
        with (
            self.cluster.pool(
                self.pool, f'{verb} {self.pool}/{volume}'
            ) as disks,
            rbd.Image(disks, volume) as image,
        ):
            yield image

    @contextlib.contextmanager
    def _opened_to_read(self, verb: str, volume: str) -> Iterator[rbd.Image]:
        with (
            self.cluster.pool(
                self.pool, f'{verb} {self.pool}/{volume}'
            ) as disks,
            rbd.Image(disks, volume, read_only=True) as image,
        ):
            yield image


def take_protected(image: rbd.Image, snapshot: str) -> None:
    """Take a snapshot of an open image that can be cloned."""
    with contextlib.ExitStack() as undo:
        image.create_snap(snapshot)
        undo.callback(image.remove_snap, snapshot)
        image.protect_snap(snapshot)
        undo.pop_all()
