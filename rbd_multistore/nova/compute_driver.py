# SPDX-License-Identifier: Apache-2.0
"""Nova's libvirt driver, which knows one Ceph cluster from another.

To Nova, hosts whose ``images_type`` is ``rbd`` share their storage. Each
host tells in its own record which cluster it has; a host that an instance
comes to compares. Of a host without the plug-in nothing is told: there, it
counts whether the instance's disks are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

import nova.conf
from nova import exception, objects
from nova.compute import vm_states
from nova.virt import configdrive
from nova.virt.libvirt.driver import LibvirtDriver as NovasDriver
from oslo_log import log as logging

from rbd_multistore.nova import errors, image_cache, process
from rbd_multistore.site import Site

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

#: Where a compute node's ``stats`` have the id of its cluster.
FSID = 'rbd_multistore_fsid'

# Instances that are built, and had no volume made for them here: the cluster
# was away.
_untouched: set[str] = set()


class LibvirtDriver(NovasDriver):  # type: ignore[misc]
    """Nova's, which refuses to move instances away from their disks."""

    # Whether the cluster has, since nova-compute was started.
    _has_answered = False

    def __init__(self, virtapi: Any, read_only: bool = False):
        """Be Nova's, with our image cache manager."""
        super().__init__(virtapi, read_only)
        self.image_cache_manager = image_cache.ImageCacheManager()

    def init_host(self, host: str) -> None:
        """Begin to serve *host*.

        :raises InvalidConfiguration: one of our options cannot work
        """
        if _is_ours():
            with errors.as_novas():
                _tell(process.kept().site)
        super().init_host(host)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Return what the host has; its cluster is among it.

        :raises StorageError: the cluster does not answer; a ``ClusterAway``
            where it did before
        """
        try:
            resources = self._resources(nodename)
        except exception.StorageError as exc:
            if self._has_answered:
                raise errors.ClusterAway(reason=exc.kwargs['reason']) from exc
            raise
        self._has_answered = True
        return resources

    def _resources(self, nodename: str) -> dict[str, Any]:
        resources: dict[str, Any] = super().get_available_resource(nodename)
        if _is_ours():
            stats = dict(resources.get('stats') or {})
            with errors.as_novas():
                stats[FSID] = process.kept().cluster.fsid()
            resources['stats'] = stats
        return resources

    def spawn(
        self,
        context: Any,
        instance: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Make the instance.

        :raises StorageError: the cluster does not answer, and nothing was
            made: another host may do it
        """
        if _is_ours() and _has_disks(instance):
            _check_reachable(instance)
        super().spawn(context, instance, *args, **kwargs)

    def migrate_disk_and_power_off(
        self,
        context: Any,
        instance: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Begin a cold migration or a resize, on the host that it leaves.

        :raises InstanceFaultRollback: the other host is in another cluster;
            the instance runs on here
        """
        if _is_ours() and _has_disks(instance):
            _check_destination(context, instance)
        return super().migrate_disk_and_power_off(
            context, instance, *args, **kwargs
        )

    def _cleanup_rbd(self, instance: Any) -> None:
        # Nova does not try another host where the clean-up fails as well.
        try:
            super()._cleanup_rbd(instance)
        except exception.StorageError as exc:
            if instance.uuid not in _untouched:
                raise
            LOG.warning('No volume was made: %s', exc, instance=instance)
        finally:
            _untouched.discard(instance.uuid)

    def delete_instance_files(self, instance: Any) -> bool:
        """Remove what a host has of an instance; tell whether that is done.

        Nova asks again, from time to time, for instances that were deleted
        while their host was down. Their volumes are there then, too.

        :raises StorageError: the cluster does not answer
        """
        if _is_ours() and instance.deleted:
            self._cleanup_rbd(instance)
            if _disks_here(instance):
                return False
        return bool(super().delete_instance_files(instance))

    def check_can_live_migrate_destination(
        self,
        context: Any,
        instance: Any,
        src_compute_info: Mapping[str, Any],
        dst_compute_info: Mapping[str, Any],
        block_migration: bool | None = False,
        disk_over_commit: bool | None = False,
    ) -> Any:
        """Check whether the instance can come here.

        :raises MigrationPreCheckError: its disks are in another cluster
        """
        source = (src_compute_info.get('stats') or {}).get(FSID)
        if _is_ours() and _has_disks(instance):
            reason = _why_not(instance, source)
            if reason:
                raise exception.MigrationPreCheckError(reason=reason)
        return super().check_can_live_migrate_destination(
            context,
            instance,
            src_compute_info,
            dst_compute_info,
            block_migration,
            disk_over_commit,
        )

    def instance_on_disk(self, instance: Any) -> bool:
        """Tell whether the disks of an instance that is evacuated are here.

        :raises InvalidSharedStorage: they are in another cluster, so that
            the instance would come up with new ones
        """
        if _is_ours() and _has_disks(instance):
            source = _fsid_of(instance._context, instance.host, instance.node)
            reason = _why_not(instance, source)
            # A disk that is here, whoever brought it, is what is evacuated.
            if reason and not _disks_here(instance):
                raise exception.InvalidSharedStorage(
                    path=instance.uuid, reason=reason
                )
        return bool(super().instance_on_disk(instance))


def _tell(site: Site) -> None:
    """Have the log say that Nova's own classes are not at work."""
    LOG.info(
        "rbd-multistore %s stands in for Nova's RBD backend: pool %s, Glance "
        'store %s',
        metadata.version('rbd-multistore'),
        site.volumes.pool,
        site.store,
    )
    if site.store is None:
        LOG.warning(
            'No image is copied to this site: set '
            'images_rbd_glance_store_name in [libvirt] to its Glance store.'
        )


def _is_ours() -> bool:
    return bool(CONF.libvirt.images_type == 'rbd')


def _has_disks(instance: Any) -> bool:
    """Tell whether an instance has disks that are not Cinder's."""
    flavor = instance.flavor
    return bool(
        instance.image_ref
        or flavor.ephemeral_gb
        or flavor.swap
        or configdrive.required_by(instance)
    )


def _why_not(instance: Any, source_fsid: str | None) -> str:
    """Say why an instance's disks cannot be reached from here, '' if so."""
    with errors.as_novas():
        ours = process.kept().cluster.fsid()
        if source_fsid == ours:
            return ''
        if source_fsid:
            return (
                f'its disks are in Ceph cluster {source_fsid}, and this host '
                f'has {ours}'
            )
        if _disks_here(instance):
            return ''
    return (
        f'none of its disks is in pool {CONF.libvirt.images_rbd_pool} of the '
        f'Ceph cluster of this host, {ours}'
    )


def _disks_here(instance: Any) -> bool:
    with errors.as_novas():
        names = process.kept().volumes.names()
    return any(name.startswith(f'{instance.uuid}_') for name in names)


def _check_reachable(instance: Any) -> None:
    """Ask the cluster for the first of an instance's volumes.

    :raises StorageError: it does not answer
    """
    try:
        with errors.as_novas():
            process.kept().volumes.exists(f'{instance.uuid}_disk')
    except exception.StorageError:
        if instance.vm_state == vm_states.BUILDING:
            # Nova cleans up after this, at once.
            _untouched.add(instance.uuid)
        raise


def _check_destination(context: Any, instance: Any) -> None:
    """Refuse a cold migration to a host that has another cluster.

    :raises InstanceFaultRollback: its cluster is known, and another; or
        ours does not answer
    """
    moving = instance.migration_context
    if moving is None:
        return
    migration = objects.Migration.get_by_id(context, moving.migration_id)
    there = _fsid_of(context, migration.dest_compute, migration.dest_node)
    try:
        with errors.as_novas():
            ours = process.kept().cluster.fsid()
    except exception.StorageError as exc:
        raise exception.InstanceFaultRollback(exc) from exc
    if there not in (None, ours):
        reason = (
            f'host {migration.dest_compute} has Ceph cluster {there}, and '
            f'the disks are in {ours}'
        )
        raise exception.InstanceFaultRollback(
            exception.ResizeError(reason=reason)
        )


def _fsid_of(context: Any, host: str, node: str) -> str | None:
    """Return the cluster of a host, if it is known."""
    try:
        found = objects.ComputeNode.get_by_host_and_nodename(
            context, host, node
        )
    except exception.NotFound:
        return None
    return (found.stats or {}).get(FSID)
