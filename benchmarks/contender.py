# SPDX-License-Identifier: Apache-2.0
"""What is measured: somebody who makes a volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: How the guest sees the disk.
TARGET = 'vda'
BUS = 'virtio'


@dataclass(frozen=True)
class Place:
    """Where volumes are made.

    :ivar pool: the Ceph pool
    :ivar libvirt_pool: the same pool's name in libvirt
    """

    pool: str
    libvirt_pool: str


@dataclass(frozen=True)
class Task:
    """What every contender is to do, from the same facts.

    :ivar image: the image's document as Glance gives it, with ``locations``
    :ivar parent: pool, image and snapshot that the image's data are in
    :ivar size_bytes: size of the volume, larger than the image
    """

    image: Mapping[str, Any]
    parent: tuple[str, str, str]
    size_bytes: int
    place: Place


class Contender(Protocol):
    """Makes volumes; safe for threads."""

    @property
    def name(self) -> str:
        """As the report calls it."""

    @property
    def task(self) -> Task:
        """What it does."""

    def make(self, volume: str) -> str:
        """Clone, grow, and return the ``<disk>`` element for a guest."""


class Asking(Contender, Protocol):
    """Asks Glance itself, so that the image may be one to be copied."""

    def look(self) -> None:
        """Look the image up, so that Keystone and Glance know the token."""
