# SPDX-License-Identifier: Apache-2.0
"""What is checked: the parts of a site."""

from __future__ import annotations

from typing import Protocol

from rbd_multistore.backend import Backend
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.glance.service import ImageService
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Pool, Secret


class Parts(Protocol):
    """The parts of a site, each made, or refused, when first asked for."""

    @property
    def store(self) -> str | None:
        """The site's Glance store, if it has one."""

    @property
    def images(self) -> ImageService:
        """The cloud's images."""

    @property
    def libvirt(self) -> Libvirt:
        """The libvirt that defines the storage pool."""

    @property
    def definition(self) -> Pool | None:
        """The storage pool; ``None``: Nova's options are used instead."""

    @property
    def guests_secret(self) -> Secret | None:
        """libvirt's secret that the guests' disks name, if any."""

    @property
    def volumes(self) -> Volumes:
        """The volumes of the pool."""

    @property
    def backend(self) -> Backend:
        """The decision."""
