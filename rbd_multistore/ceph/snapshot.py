# SPDX-License-Identifier: Apache-2.0
"""A snapshot of an RBD image, and the URL that Glance writes for one."""

from __future__ import annotations

import dataclasses
from urllib import parse

_PREFIX = 'rbd://'


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A snapshot of an RBD image.

    :ivar pool: the Ceph pool
    :ivar image: the RBD image
    :ivar name: the snapshot of that image
    """

    pool: str
    image: str
    name: str

    def __str__(self) -> str:
        """Write it as the ``rbd`` command does: ``pool/image@snap``."""
        return f'{self.pool}/{self.image}@{self.name}'


@dataclasses.dataclass(frozen=True)
class ClusterSnapshot:
    """A snapshot, and the cluster that it is in.

    :ivar fsid: the cluster's id
    """

    fsid: str
    snapshot: Snapshot

    @property
    def url(self) -> str:
        """The location that Glance writes for it."""
        place = self.snapshot
        parts = (self.fsid, place.pool, place.image, place.name)
        return _PREFIX + '/'.join(parse.quote(part, safe='') for part in parts)


def parse_url(url: str) -> ClusterSnapshot | None:
    """Parse ``rbd://fsid/pool/image/snapshot``, each part percent-encoded.

    ``None``: the URL is of another form, so that its data cannot be cloned.
    An older Glance wrote ``rbd://image``, which names no cluster.

    Source: ``glance_store._drivers.rbd.StoreLocation``.
    """
    if not url.startswith(_PREFIX):
        return None
    parts = [parse.unquote(part) for part in url[len(_PREFIX) :].split('/')]
    if len(parts) != 4 or not all(parts):
        return None
    fsid, pool, image, name = parts
    return ClusterSnapshot(fsid, Snapshot(pool, image, name))
