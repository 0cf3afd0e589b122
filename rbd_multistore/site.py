# SPDX-License-Identifier: Apache-2.0
"""One site, put together from configuration.

What both faces use. Each part is made when it is first asked for, so that
listing volumes needs no Glance and showing an image no libvirt secret.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping

from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.backend import Backend
from rbd_multistore.ceph.cluster import Access, Cluster
from rbd_multistore.ceph.uploads import Uploads
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.copying.account import Report
from rbd_multistore.copying.copier import Copier
from rbd_multistore.copying.lead import Limits, Time
from rbd_multistore.glance.service import ImageService
from rbd_multistore.repair import Repair
from rbd_multistore.virt.disk import DiskSource, disk_xml
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Host, Pool, Secret
from rbd_multistore.virt.storage import StoragePool

# The messenger that monitors speak at the ports that are reserved for them.
_MESSENGERS = {'3300': 'v2:', '6789': 'v1:'}


class Site:
    """The parts that one site's configuration comes to."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        environ: Mapping[str, str],
        clock: Time | None = None,
    ):
        """Read *conf*, on which ``opts.register_opts`` was called.

        :param environ: where ``OS_*`` is looked for
        :param clock: how the waiting for copies is done
        """
        self._clock = clock
        self._conf = conf
        self._environ = environ
        self._settings = opts.settings(conf)
        self._store_pool = self._settings.glance_store_pool

    @property
    def store(self) -> str | None:
        """This site's Glance store, if it has one."""
        return self._settings.glance_store_name

    @functools.cached_property
    def images(self) -> ImageService:
        """The cloud's images."""
        # What it is made of takes half a second to import, and listing
        # volumes needs none of it.
        from rbd_multistore.glance import session

        return session.image_service(self._conf, self._environ)

    @functools.cached_property
    def volumes(self) -> Volumes:
        """The volumes of the pool that libvirt, or nova.conf, names."""
        return Volumes(self._cluster, self._ceph_pool())

    @functools.cached_property
    def backend(self) -> Backend:
        """The decision."""
        return self.backend_for(self.images)

    def backend_for(self, images: ImageService) -> Backend:
        """Return the decision for whoever sees *images*."""
        return Backend(images, self.volumes, self._storage, self.copier)

    @functools.cached_property
    def copier(self) -> Copier:
        """What brings images to stores."""
        settings = self._settings
        return Copier(
            settings.glance_store_name,
            Limits(
                poll_interval_s=settings.copy_poll_interval_s,
                timeout_s=settings.copy_timeout_s,
                stall_timeout_s=settings.copy_stall_timeout_s,
                attempts=settings.copy_attempts,
            ),
            self.uploads,
            self.repair.clear_the_way,
            self._report(),
            self._clock,
        )

    @functools.cached_property
    def repair(self) -> Repair:
        """What a Glance that died left in our store's pool."""
        return Repair(self.uploads, self._settings.repair_orphans)

    def disk_xml(self, name: str, target: str, bus: str) -> str:
        """Return the ``<disk>`` element for a volume, from the pool as it
        is defined now."""
        source = self._disk_source()
        return disk_xml(source, self.volumes.pool, name, target, bus)

    def close(self) -> None:
        """Close the connections that were made; no call is under way.

        librados has threads of its own, which must not outlive Python.
        """
        for name in ('_cluster', 'libvirt'):
            if name in self.__dict__:
                self.__dict__[name].close()

    @functools.cached_property
    def libvirt(self) -> Libvirt:
        """The libvirt that defines the storage pool."""
        return Libvirt(self._settings.libvirt_uri)

    @functools.cached_property
    def _storage(self) -> StoragePool | None:
        name = self._settings.libvirt_pool
        return StoragePool(self.libvirt, name) if name else None

    @functools.cached_property
    def _cluster(self) -> Cluster:
        return Cluster(self._access(), self._settings.ceph_timeout_s)

    def uploads(self, images: ImageService) -> Uploads | None:
        """Return the pool of our Glance store, once somebody tells which."""
        if self._store_pool is None and self._settings.glance_store_name:
            detail = images.store_detail(self._settings.glance_store_name)
            self._store_pool = detail.pool if detail else None
        if self._store_pool is None:
            return None
        return Uploads(self._cluster, self._store_pool)

    def _report(self) -> Report:
        if self._settings.metrics_port is None:
            return lambda summary: None
        from rbd_multistore.metrics import Metrics

        metrics = Metrics()
        metrics.serve(
            self._settings.metrics_address, self._settings.metrics_port
        )
        return metrics.report

    @functools.cached_property
    def definition(self) -> Pool | None:
        """The storage pool; ``None``: Nova's options are used instead."""
        return self._storage.definition() if self._storage else None

    @property
    def guests_secret(self) -> Secret | None:
        """libvirt's secret that the guests' disks name, if any."""
        if self.definition is not None:
            return self.definition.secret
        uuid = self._settings.rbd_secret_uuid
        return Secret(uuid, '') if uuid else None

    def _ceph_pool(self) -> str:
        if self.definition is not None:
            return self.definition.source
        if self._settings.rbd_pool is not None:
            return self._settings.rbd_pool
        raise exceptions.ConfigError(
            f'No pool for the volumes: set libvirt_pool in [{opts.GROUP}], '
            'or images_rbd_pool in [libvirt].'
        )

    def _access(self) -> Access:
        settings = self._settings
        pool = self.definition
        user = settings.rbd_user or (pool.user if pool else None)
        if settings.ceph_conf or pool is None:
            return Access(conffile=settings.ceph_conf or '', user=user)
        key = self.libvirt.key(pool.secret) if pool.secret else None
        return Access(mon_host=_mon_host(pool.hosts), user=user, key=key)

    def _disk_source(self) -> DiskSource:
        if self._storage is not None:
            pool = self._storage.definition()
            return DiskSource(pool.hosts, pool.user, pool.secret)
        monitors = self._cluster.monitors()
        hosts = tuple(Host(mon.host, mon.port) for mon in monitors)
        # librados' own default.
        user = self._settings.rbd_user or 'admin'
        return DiskSource(hosts, user, self.guests_secret)


def _mon_host(hosts: tuple[Host, ...]) -> str:
    return ','.join(_address(host) for host in hosts)


def _address(host: Host) -> str:
    name = f'[{host.name}]' if ':' in host.name else host.name
    if not host.port:
        return name
    # Without it librados tries both messengers at one port, for seconds;
    # it takes it before an address, not before a name.
    messenger = _MESSENGERS.get(host.port, '') if _is_ip(host.name) else ''
    return f'{messenger}{name}:{host.port}'


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
