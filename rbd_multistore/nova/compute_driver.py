# SPDX-License-Identifier: Apache-2.0
"""Nova's libvirt driver, which knows one Ceph cluster from another.

To Nova, hosts whose ``images_type`` is ``rbd`` share their storage. Each
host tells in its own record which cluster it has; a host that an instance
comes to compares. Of a host without the plug-in nothing is told: there, it
counts whether the instance's disks are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nova.conf
from nova import exception, objects
from nova.virt import configdrive
from nova.virt.libvirt.driver import LibvirtDriver as NovasDriver
from oslo_log import log as logging

from rbd_multistore.nova import errors, process

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

#: Where a compute node's ``stats`` have the id of its cluster.
FSID = 'rbd_multistore_fsid'


class LibvirtDriver(NovasDriver):  # type: ignore[misc]
    """Nova's, which refuses to move instances away from their disks."""

    def init_host(self, host: str) -> None:
        """Begin to serve *host*.

        :raises InvalidConfiguration: one of our options cannot work
        """
        if _is_ours():
            with errors.as_novas():
                process.kept()
        super().init_host(host)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Return what the host has; its cluster is among it."""
        resources: dict[str, Any] = super().get_available_resource(nodename)
        if _is_ours():
            stats = dict(resources.get('stats') or {})
            with errors.as_novas():
                stats[FSID] = process.kept().cluster.fsid()
            resources['stats'] = stats
        return resources

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
            reason = _why_not(instance, _fsid_of_host(instance))
            # A disk that is here, whoever brought it, is what is evacuated.
            if reason and not _disks_here(instance):
                raise exception.InvalidSharedStorage(
                    path=instance.uuid, reason=reason
                )
        return bool(super().instance_on_disk(instance))


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


def _fsid_of_host(instance: Any) -> str | None:
    """Return the cluster of the host that an instance is on, if known."""
    try:
        node = objects.ComputeNode.get_by_host_and_nodename(
            instance._context, instance.host, instance.node
        )
    except exception.NotFound:
        return None
    return (node.stats or {}).get(FSID)
