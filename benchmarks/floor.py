# SPDX-License-Identifier: Apache-2.0
"""The floor: librbd on a kept connection, and nothing around it.

No client of librbd can make the same volume with less: nothing is looked
up, nothing is checked, nothing is undone, and the XML is a known string.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import rados
import rbd

from benchmarks.contender import BUS, TARGET, Task
from tests.lab import ceph

XML = """\
<disk type="network" device="disk">
  <driver name="qemu" type="raw"/>
  <source protocol="rbd" name="{pool}/{volume}">
    <host name="127.0.0.1" port="{port}"/>
  </source>
  <auth username="nova">
    <secret type="ceph" uuid="{secret}"/>
  </auth>
  <target dev="{target}" bus="{bus}"/>
</disk>
"""


@dataclass(frozen=True)
class Floor:
    """One connection, one open pool of each kind."""

    name: str
    task: Task
    site: ceph.Cluster
    images: rados.Ioctx
    disks: rados.Ioctx

    def make(self, volume: str) -> str:
        """Clone, grow, fill in a template."""
        _, image, snapshot = self.task.parent
        rbd.RBD().clone(self.images, image, snapshot, self.disks, volume)
        with rbd.Image(self.disks, volume) as disk:
            disk.resize(self.task.size_bytes)
        return XML.format(
            pool=self.task.place.pool,
            volume=volume,
            port=self.site.state.mon_v2_port,
            secret=self.site.state.secret_uuid,
            target=TARGET,
            bus=BUS,
        )


@contextlib.contextmanager
def contender(name: str, task: Task, site: ceph.Cluster) -> Iterator[Floor]:
    """Connect, and stay connected."""
    with (
        site.connect('nova') as connection,
        connection.open_ioctx(task.parent[0]) as images,
        connection.open_ioctx(task.place.pool) as disks,
    ):
        yield Floor(name, task, site, images, disks)
