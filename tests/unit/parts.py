# SPDX-License-Identifier: Apache-2.0
"""The parts of a site in memory, for what stands on them."""

from __future__ import annotations

import dataclasses
from typing import Any

from rbd_multistore.backend import Backend
from rbd_multistore.ceph.cluster import Access, Cluster
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.storage import StoragePool
from tests.unit import recorded
from tests.unit.fakes import server as fakes
from tests.unit.glance.memory import FSID, Client, Cloud

MIB = 1 << 20
# A cephx key: its type, when it was made, its length, its secret.
KEY = 'AQAAAAAAAAAAABAAYSBrZXkgaW4gYSB0ZXN0IQ=='
POOL = 'rbd-multistore-site_a'
MON_HOST = '127.0.0.1:29480'
URI = 'qemu:///system'


@dataclasses.dataclass
class Copier:
    """Brings images at once, where ``Copier`` would wait for Glance.

    :ivar store: where to; ``None``: nowhere
    :ivar error: raised in place of bringing anything
    :ivar brought: ids of the images that were asked for
    """

    cloud: Cloud
    ceph: fakes.CephServer
    store: str | None = 'site_a'
    error: BaseException | None = None
    brought: list[str] = dataclasses.field(default_factory=list)
    told: list[Any] = dataclasses.field(default_factory=list)

    def ask(self, images: Any, image: Image, stores: frozenset[str]) -> None:
        if self.error is not None:
            raise self.error
        self.brought.append(image.id)

    def bring(self, *arguments: Any) -> Image:
        [image] = [one for one in arguments if isinstance(one, Image)]
        watch = arguments[-1]
        self.brought.append(image.id)
        if self.error is not None:
            raise self.error
        for progress in self.told:
            watch(progress)
        assert self.store is not None
        if self.store == 'site_a':
            self.ceph.upload('images', image.id, image.size_bytes)
        return self.cloud.bring(image.id, self.store)


class Parts:
    """A cloud, a cluster and a libvirtd in memory, and a site on them."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.ceph = fakes.CephServer(FSID, 'images', 'vms')
        self.ceph.keys['nova'] = KEY
        fakes.CephServer.reachable[MON_HOST] = self.ceph
        self.libvirt = fakes.LibvirtServer()
        xml = recorded.text('libvirt-9/pool.xml')
        self.libvirt.pools[POOL] = fakes.StoragePool(xml)
        fakes.LibvirtServer.running[URI] = self.libvirt

        access = Access(mon_host=MON_HOST, user='nova', key=KEY)
        self.volumes = Volumes(Cluster(access, 7), 'vms')
        self.storage = StoragePool(Libvirt(URI), POOL)
        self.copier = Copier(self.cloud, self.ceph)
        self.images = ImageService(
            Client(self.cloud, may_read=True)  # type: ignore[arg-type]
        )
        self.backend = Backend(
            self.images,
            self.volumes,
            self.storage,
            self.copier,  # type: ignore[arg-type]
            clock=iter(range(100, 1000, 3)).__next__,
        )

    def add_image(self, *stores: str, **changes: Any) -> Image:
        """Put an active raw image of 64 MiB into Glance's stores."""
        image = self.cloud.add(*stores, **changes)
        if 'site_a' in stores:
            self.ceph.upload('images', image.id, image.size_bytes)
        return image
