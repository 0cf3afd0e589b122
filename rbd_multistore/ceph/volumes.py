# SPDX-License-Identifier: Apache-2.0
"""The RBD images of one pool: the disks of instances, and other volumes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import rados
import rbd
from oslo_log import log as logging
from oslo_utils import excutils

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot

LOG = logging.getLogger(__name__)

# librbd's RBD_MAX_IMAGE_NAME_SIZE.
_LONGEST_NAME = 96


@dataclasses.dataclass(frozen=True)
class Volume:
    """An RBD image that serves as a disk.

    :ivar name: its name in the pool
    :ivar pool: the Ceph pool
    :ivar size_bytes: size of the disk, in bytes
    :ivar parent: what it is a clone of; ``None`` for a flat one
    """

    name: str
    pool: str
    size_bytes: int
    parent: Snapshot | None


class Volumes:
    """The volumes of one pool. Safe for threads."""

    def __init__(self, cluster: Cluster, pool: str):
        """Work on the images of *pool* in *cluster*."""
        self.cluster = cluster
        self.pool = pool

    def clone(
        self, parent: Snapshot, name: str, size_bytes: int | None
    ) -> Volume:
        """Make *name* a copy-on-write clone of *parent*.

        When anything fails after the clone was made, it is removed again.

        :param size_bytes: size of the volume; ``None``: as the parent
        :raises SnapshotNotFound: no such parent, or its pool is not to be
            read
        :raises VolumeExists: the name is taken; that volume is not touched
        :raises SizeTooSmall: the parent is larger
        """
        check_name(name)
        doing = f'clone {parent} to {self.pool}/{name}'
        with (
            self.cluster.pool(self.pool, doing) as disks,
            _pool_of(self.cluster, parent, doing) as images,
        ):
            _clone(images, parent, disks, name)
            with removed_on_error(disks, name):
                now_bytes = _grow(disks, name, size_bytes)
        return Volume(name, self.pool, now_bytes, parent)

    def create(self, name: str, size_bytes: int) -> Volume:
        """Make *name* a blank volume of *size_bytes*.

        :raises VolumeExists: the name is taken; that volume is not touched
        """
        check_name(name)
        with self._doing('create', name) as disks:
            rbd.RBD().create(disks, name, size_bytes)
        return Volume(name, self.pool, size_bytes, None)

    def exists(self, name: str) -> bool:
        """Tell whether there is a volume of that name."""
        try:
            self.show(name)
        except exceptions.VolumeNotFound:
            return False
        return True

    def show(self, name: str) -> Volume:
        """Return the volume of that name.

        :raises VolumeNotFound: there is none
        """
        with (
            self._doing('open', name) as disks,
            rbd.Image(disks, name, read_only=True) as image,
        ):
            return Volume(name, self.pool, image.size(), parent_of(image))

    def names(self) -> tuple[str, ...]:
        """Return the names of all volumes, sorted; none of them is opened."""
        with self.cluster.pool(self.pool, f'list pool {self.pool}') as disks:
            return tuple(sorted(rbd.RBD().list(disks)))

    def resize(self, name: str, size_bytes: int) -> Volume:
        """Grow a volume to *size_bytes*.

        :raises SizeTooSmall: it is larger than that; nothing is cut off
        :raises VolumeNotFound: there is none of that name
        """
        with self._doing('resize', name) as disks:
            _grow(disks, name, size_bytes)
        return self.show(name)

    def flatten(self, name: str) -> Volume:
        """Copy what the volume still shares with its parent into it.

        A volume without a parent is left as it is.

        :raises VolumeNotFound: there is none of that name
        """
        with (
            self._doing('flatten', name) as disks,
            rbd.Image(disks, name) as image,
        ):
            parent = parent_of(image)
            if parent is not None:
                image.flatten()
        return self.show(name)

    def create_snapshot(self, name: str, snapshot: str) -> Snapshot:
        """Take a snapshot of a volume.

        :raises VolumeExists: it has a snapshot of that name
        :raises VolumeNotFound: there is no volume of that name
        """
        with (
            self._doing(f'take snapshot {snapshot} of', name) as disks,
            rbd.Image(disks, name) as image,
        ):
            image.create_snap(snapshot)
        return Snapshot(self.pool, name, snapshot)

    def remove_snapshot(self, name: str, snapshot: str) -> None:
        """Remove a snapshot of a volume.

        :raises VolumeBusy: it is protected, or has clones
        :raises VolumeNotFound: there is no such snapshot or volume
        """
        with (
            self._doing(f'remove snapshot {snapshot} of', name) as disks,
            rbd.Image(disks, name) as image,
        ):
            image.remove_snap(snapshot)

    def remove(self, name: str) -> None:
        """Remove a volume at once.

        :raises VolumeBusy: it is open somewhere, or has snapshots
        :raises VolumeNotFound: there is none of that name
        """
        with self._doing('delete', name) as disks:
            rbd.RBD().remove(disks, name)

    def trash(self, name: str, delay_s: int = 0) -> None:
        """Move a volume to the pool's trash, from where it can be restored.

        :param delay_s: seconds during which it cannot be purged
        :raises VolumeNotFound: there is none of that name
        """
        with self._doing('move to the trash', name) as disks:
            rbd.RBD().trash_move(disks, name, delay_s)

    def _doing(
        self, verb: str, name: str
    ) -> contextlib.AbstractContextManager[rados.Ioctx]:
        return self.cluster.pool(self.pool, f'{verb} {self.pool}/{name}')


def snapshot_size_bytes(cluster: Cluster, snapshot: Snapshot) -> int:
    """Return the size of *snapshot* in bytes.

    Its image is opened, and not at the snapshot: a process that does that,
    and closes it soon, is killed by librbd 16.2.15 once in about a thousand
    times.

    :raises SnapshotNotFound: it, its image or its pool is not there
    :raises CephForbidden: the cephx user may not read it
    """
    with _pool_of(cluster, snapshot, f'open {snapshot}') as images:
        try:
            image = rbd.Image(images, snapshot.image, read_only=True)
        except rbd.ImageNotFound as exc:
            raise _no_snapshot(snapshot) from exc
        with image:
            for found in image.list_snaps():
                if found['name'] == snapshot.name:
                    return int(found['size'])
    raise _no_snapshot(snapshot)


def check_name(name: str) -> None:
    """Refuse a name that RBD or its tools would read as something else.

    :raises InvalidName: it is empty, too long, or holds ``/`` or ``@``
    """
    if not name or len(name.encode()) > _LONGEST_NAME or set(name) & set('/@'):
        raise exceptions.InvalidName(
            f'{name!r} cannot be the name of a volume: use 1 to '
            f'{_LONGEST_NAME} bytes, without "/" and "@".'
        )


@contextlib.contextmanager
def _pool_of(
    cluster: Cluster, parent: Snapshot, doing: str
) -> Iterator[rados.Ioctx]:
    try:
        with cluster.pool(parent.pool, doing) as images:
            yield images
    except exceptions.PoolNotFound as exc:
        raise _no_snapshot(parent) from exc


def _clone(
    images: rados.Ioctx, parent: Snapshot, disks: rados.Ioctx, name: str
) -> None:
    try:
        rbd.RBD().clone(images, parent.image, parent.name, disks, name)
    except (rbd.ImageNotFound, rbd.ObjectNotFound) as exc:
        raise _no_snapshot(parent) from exc


def _grow(disks: rados.Ioctx, name: str, size_bytes: int | None) -> int:
    with rbd.Image(disks, name) as image:
        now = image.size()
        if size_bytes is None:
            return now
        if size_bytes < now:
            raise exceptions.SizeTooSmall(
                f'{name} needs {now} bytes and {size_bytes} were asked for: '
                'a volume is never made smaller than what it holds.',
                asked_bytes=size_bytes,
                least_bytes=now,
            )
        if size_bytes > now:
            image.resize(size_bytes)
        return size_bytes


@contextlib.contextmanager
def removed_on_error(disks: rados.Ioctx, name: str) -> Iterator[None]:
    """Remove volume *name*, which was just made, if the block fails."""
    try:
        yield
    except BaseException:
        with excutils.save_and_reraise_exception(logger=LOG):
            _remove_or_log(disks, name)


def _remove_or_log(disks: rados.Ioctx, name: str) -> None:
    try:
        rbd.RBD().remove(disks, name)
    except rbd.Error:
        LOG.exception('Could not remove %s, which is half made', name)


def parent_of(image: rbd.Image) -> Snapshot | None:
    """Return what an open image is a clone of, if it is one."""
    try:
        spec = image.get_parent_image_spec()
    except rbd.ImageNotFound:
        return None
    return Snapshot(spec['pool_name'], spec['image_name'], spec['snap_name'])


def _no_snapshot(snapshot: Snapshot) -> exceptions.SnapshotNotFound:
    return exceptions.SnapshotNotFound(f'{snapshot} is not in the cluster.')
