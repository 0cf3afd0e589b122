# SPDX-License-Identifier: Apache-2.0
"""What is behind the stand-ins: a Ceph cluster and a libvirtd in memory."""

from __future__ import annotations

import dataclasses
import threading


@dataclasses.dataclass
class RbdSnapshot:
    size: int
    protected: bool = False
    clones: int = 0


@dataclasses.dataclass
class RbdImage:
    size: int
    parent: tuple[str, str, str] | None = None
    snapshots: dict[str, RbdSnapshot] = dataclasses.field(default_factory=dict)
    writers: int = 0


class CephServer:
    """A Ceph cluster.

    :ivar fsid: its id
    :ivar keys: the key of each cephx user that it knows
    :ivar pools: the images of each pool
    :ivar trash: the images in the trash of each pool
    :ivar answers: what the monitors say to each command
    :ivar is_up: whether it answers at all
    :ivar connected: how many connections were ever made to it
    :ivar calls: what was called, such as ``Image.resize``, in order
    """

    #: The clusters that can be reached, by ``mon_host`` and by the path of a
    #: ceph.conf.
    reachable: dict[str, CephServer] = {}  # noqa: RUF012

    def __init__(self, fsid: str, *pools: str):
        self.fsid = fsid
        self.keys: dict[str, str] = {}
        self.pools: dict[str, dict[str, RbdImage]] = {
            pool: {} for pool in pools
        }
        self.trash: dict[str, list[str]] = {pool: [] for pool in pools}
        self.answers: dict[str, tuple[int, bytes, str]] = {}
        self.is_up = True
        self.connected = 0
        self.lock = threading.RLock()
        self.calls: list[str] = []
        self._failing: dict[str, Exception] = {}

    def fail(self, call: str, error: Exception) -> None:
        """Let the next *call*, such as ``Image.resize``, raise *error*."""
        self._failing[call] = error

    def enter(self, call: str) -> None:
        """Take notice of *call*."""
        self.calls.append(call)
        error = self._failing.pop(call, None)
        if error is not None:
            raise error

    def upload(
        self, pool: str, name: str, size: int, snapshot: str = 'snap'
    ) -> None:
        """Put an image where Glance would: with a protected snapshot."""
        self.pools[pool][name] = RbdImage(
            size, snapshots={snapshot: RbdSnapshot(size, protected=True)}
        )


@dataclasses.dataclass
class StoragePool:
    xml: str
    active: bool = False
    volumes: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Secret:
    uuid: str
    usage: str
    value: bytes | None


class LibvirtServer:
    """A libvirtd.

    :ivar pools: its storage pools by name
    :ivar secrets: its secrets
    :ivar connected: how many connections were ever made to it
    """

    #: The daemons that run, by URI.
    running: dict[str, LibvirtServer] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.pools: dict[str, StoragePool] = {}
        self.secrets: list[Secret] = []
        self.connected = 0
        self.generation = 0

    def restart(self) -> None:
        """Break every connection."""
        self.generation += 1
