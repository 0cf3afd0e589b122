# SPDX-License-Identifier: Apache-2.0
"""Stands in for ``nova.storage.rbd_utils.RBDDriver``.

The same public names, on the kept connection: no program is started, and
nobody connects anew for a question. What Nova's raises of librbd's own
errors is raised as Nova's.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import nova.conf
from nova import exception
from nova.storage import rbd_utils
from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.files import Files
from rbd_multistore.ceph.snapshot import Snapshot, parse_url
from rbd_multistore.ceph.snapshots import Snapshots
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.nova import errors, process

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

_P = ParamSpec('_P')
_R = TypeVar('_R')


def _as_novas(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have *method* raise Nova's errors; its second argument is a name."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        named = args[1] if len(args) > 1 else ''
        with errors.as_novas(named if isinstance(named, str) else ''):
            return method(*args, **kwargs)

    return call


class RBDDriver:
    """A Ceph pool, as Nova asks for things there."""

    def __init__(
        self,
        pool: str | None = None,
        user: str | None = None,
        ceph_conf: str | None = None,
        connect_timeout: int | None = None,
    ):
        """Work on *pool*; what is not given is as in ``[libvirt]``."""
        self.pool = pool or CONF.libvirt.images_rbd_pool
        self.rbd_user = user or CONF.libvirt.rbd_user
        self.rbd_connect_timeout = (
            connect_timeout or CONF.libvirt.rbd_connect_timeout
        )
        self.ceph_conf = ceph_conf or CONF.libvirt.images_rbd_ceph_conf

    @property
    def cluster(self) -> Cluster:
        """The cluster; one connection for all who reach it the same way."""
        kept = process.kept()
        ours = CONF.libvirt.rbd_user, CONF.libvirt.images_rbd_ceph_conf
        if (self.rbd_user, self.ceph_conf) == ours:
            return kept.cluster
        return kept.other_cluster(self.ceph_conf, self.rbd_user)

    def ceph_args(self) -> list[str]:
        """Return what would make a program of Ceph's reach the cluster."""
        user = ['--id', self.rbd_user] if self.rbd_user else []
        conf = ['--conf', self.ceph_conf] if self.ceph_conf else []
        return user + conf

    @_as_novas
    def get_mon_addrs(
        self, strip_brackets: bool = True
    ) -> tuple[list[str], list[str]]:
        """Return the hosts and the ports of the monitors there are now."""
        monitors = self.cluster.monitors()
        hosts = [monitor.host for monitor in monitors]
        if not strip_brackets:
            hosts = [f'[{host}]' if ':' in host else host for host in hosts]
        return hosts, [monitor.port for monitor in monitors]

    def parse_url(self, url: str) -> list[str]:
        """Return cluster, pool, image and snapshot of a location.

        :raises ImageUnacceptable: it names no snapshot in RBD
        """
        place = parse_url(url)
        if place is None:
            raise exception.ImageUnacceptable(
                image_id=url, reason='it is no snapshot in RBD'
            )
        snapshot = place.snapshot
        return [place.fsid, snapshot.pool, snapshot.image, snapshot.name]

    @_as_novas
    def get_fsid(self) -> str:
        """Return the cluster's id."""
        return self.cluster.fsid()

    def is_cloneable(
        self, image_location: Mapping[str, Any], image_meta: Mapping[str, Any]
    ) -> bool:
        """Tell whether a location is a raw image in this cluster."""
        place = parse_url(image_location['url'])
        if place is None or image_meta.get('disk_format') != 'raw':
            return False
        try:
            if place.fsid != self.cluster.fsid():
                return False
            snapshots = self._snapshots(place.snapshot.pool)
            return place.snapshot.name in snapshots.names(place.snapshot.image)
        except exceptions.CephError as exc:
            LOG.debug('Not cloneable: %s', exc)
            return False

    @_as_novas
    def clone(
        self,
        image_location: Mapping[str, Any],
        dest_name: str,
        dest_pool: str | None = None,
    ) -> None:
        """Clone the snapshot that a location names."""
        _fsid, pool, image, name = self.parse_url(image_location['url'])
        target = self._volumes(dest_pool)
        target.clone(Snapshot(pool, image, name), str(dest_name), None)

    @_as_novas
    def size(self, name: str) -> int:
        """Return a volume's size, in bytes.

        :raises DiskNotFound: there is none of that name
        """
        return self._volumes().show(name).size_bytes

    @_as_novas
    def resize(self, name: str, size: int) -> None:
        """Grow a volume to *size* bytes.

        :raises FlavorDiskSmallerThanImage: it is larger than that
        """
        self._volumes().resize(name, size)

    @_as_novas
    def parent_info(
        self, volume: str, pool: str | None = None
    ) -> tuple[str, str, str]:
        """Return pool, image and snapshot that a volume is a clone of.

        :raises ImageUnacceptable: it is none, or there is no such volume
        """
        try:
            parent = self._volumes(pool).show(volume).parent
        except exceptions.VolumeNotFound:
            parent = None
        if parent is None:
            raise exception.ImageUnacceptable(
                image_id=volume, reason='it is not a clone of a snapshot'
            )
        return parent.pool, parent.image, parent.name

    @_as_novas
    def flatten(self, volume: str, pool: str | None = None) -> None:
        """Copy what a volume shares with its parent into it."""
        self._volumes(pool).flatten(volume)

    @_as_novas
    def exists(
        self, name: str, pool: str | None = None, snapshot: str | None = None
    ) -> bool:
        """Tell whether there is a volume, or a snapshot of it."""
        if snapshot is None:
            return self._volumes(pool).exists(name)
        try:
            return snapshot in self._snapshots(pool).names(name)
        except exceptions.VolumeNotFound:
            return False

    @_as_novas
    def remove_image(self, name: str) -> None:
        """Remove a volume; one that is not there, or has snapshots, is only
        mentioned."""
        try:
            self._volumes().remove(name)
        except (exceptions.VolumeNotFound, exceptions.VolumeBusy) as exc:
            LOG.warning('%s', exc)

    @_as_novas
    def import_image(self, base: str, name: str) -> None:
        """Make *name* a volume with what a raw file holds."""
        Files(self.cluster, self.pool).import_file(Path(base), name)

    @_as_novas
    def export_image(
        self, base: str, name: str, snap: str, pool: str | None = None
    ) -> None:
        """Write what a snapshot holds to a file."""
        snapshot = Snapshot(pool or self.pool, name, snap)
        Files(self.cluster, self.pool).export(snapshot, Path(base))

    @_as_novas
    def cleanup_volumes(self, filter_fn: Callable[[str], bool]) -> None:
        """Remove the volumes whose names the filter picks.

        The names alone are read; no other volume is opened.
        """
        for name in filter(filter_fn, self._volumes().names()):
            self._destroy(name, self.pool)

    @_as_novas
    def destroy_volume(self, volume: str, pool: str | None = None) -> None:
        """Remove a volume."""
        self._destroy(volume, pool or self.pool)

    def get_pool_info(self) -> dict[str, int]:
        """Return the room that there is, in bytes.

        :raises NotFound: the cluster has no such pool
        :raises StorageError: it does not answer
        """
        try:
            room = self.cluster.room(self.pool)
        except exceptions.PoolNotFound as exc:
            raise exception.NotFound(str(exc)) from exc
        except exceptions.CephError as exc:
            raise exception.StorageError(reason=str(exc)) from exc
        return {
            'total': room.total_bytes,
            'free': room.available_bytes,
            'used': room.raw_used_bytes,
        }

    @_as_novas
    def create_snap(
        self,
        volume: str,
        name: str,
        pool: str | None = None,
        protect: bool = False,
    ) -> None:
        """Take a snapshot; *protect* lets it be cloned."""
        snapshots = self._snapshots(pool)
        if protect:
            snapshots.create_protected(volume, name)
        else:
            snapshots.create(volume, name)

    @_as_novas
    def remove_snap(
        self,
        volume: str,
        name: str,
        ignore_errors: bool = False,
        pool: str | None = None,
        force: bool = False,
    ) -> None:
        """Remove a snapshot.

        One that is not there stays unmentioned with *ignore_errors*; one
        that is protected stays without *force*.
        """
        snapshots = self._snapshots(pool)
        try:
            if force:
                snapshots.remove_protected(volume, name)
            else:
                snapshots.remove(volume, name)
        except exceptions.VolumeNotFound as exc:
            if not ignore_errors:
                LOG.warning('%s', exc)
        except exceptions.VolumeBusy as exc:
            if force:
                raise
            if not ignore_errors:
                LOG.warning('%s', exc)

    @_as_novas
    def rollback_to_snap(self, volume: str, name: str) -> None:
        """Make a volume what it was when the snapshot was taken.

        :raises SnapshotNotFound: it has no such snapshot
        """
        snapshots = self._snapshots(None)
        if name not in snapshots.names(volume):
            raise exception.SnapshotNotFound(snapshot_id=name)
        snapshots.roll_back(volume, name)

    def _volumes(self, pool: str | None = None) -> Volumes:
        return Volumes(self.cluster, pool or self.pool)

    def _snapshots(self, pool: str | None) -> Snapshots:
        return Snapshots(self.cluster, pool or self.pool)

    def _destroy(self, name: str, pool: str) -> None:
        """Remove a volume, once nobody has it open any more.

        A guest that was just stopped holds it for up to half a minute.
        """
        attempts = CONF.libvirt.rbd_destroy_volume_retries
        while True:
            try:
                return self._remove_with_snapshots(name, pool)
            except exceptions.VolumeNotFound:
                LOG.debug('Volume %s was gone already', name)
                return None
            except exceptions.VolumeBusy as exc:
                LOG.warning('%s %d attempts are left.', exc, attempts)
            if attempts <= 0:
                return None
            attempts -= 1
            time.sleep(CONF.libvirt.rbd_destroy_volume_retry_interval)

    def _remove_with_snapshots(self, name: str, pool: str) -> None:
        """Remove a volume, and the snapshots of what ended half-way."""
        volumes = self._volumes(pool)
        try:
            volumes.remove(name)
        except exceptions.VolumeBusy:
            snapshots = self._snapshots(pool)
            of_resize = rbd_utils.RESIZE_SNAPSHOT_NAME
            if of_resize in snapshots.names(name):
                snapshots.remove(name, of_resize)
            snapshots.remove_direct(name)
            volumes.remove(name)
