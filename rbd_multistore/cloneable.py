# SPDX-License-Identifier: Apache-2.0
"""Which of an image's locations can be cloned at this site, and why not.

Every rule stands here and nowhere else, but one: whether the snapshot can
be opened, which only the cluster can tell (see ``backend.py``).
"""

from __future__ import annotations

import dataclasses

from rbd_multistore.ceph.snapshot import ClusterSnapshot, Snapshot, parse_url
from rbd_multistore.glance.image import Image, Location


@dataclasses.dataclass(frozen=True)
class Site:
    """What a location is held against.

    :ivar fsid: our cluster's id
    :ivar store: our Glance store; ``None``: not configured, so that the
        store is not compared
    :ivar disk_pool: the Ceph pool that the instances' disks live in
    """

    fsid: str
    store: str | None
    disk_pool: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of one location.

    :ivar snapshot: what to clone; ``None``: it cannot be cloned here
    :ivar reason: why not, in words; empty if it can
    """

    location: Location
    snapshot: Snapshot | None
    reason: str

    @property
    def cloneable(self) -> bool:
        """Tell whether the location can be cloned here."""
        return self.snapshot is not None


def judge(image: Image, location: Location, site: Site) -> Verdict:
    """Tell whether *location* of *image* can be cloned at *site*."""
    place = parse_url(location.url)
    if place is None:
        return Verdict(location, None, 'not in RBD, or not a snapshot there')
    reason = _broken_rule(image, location, place, site)
    return Verdict(location, None if reason else place.snapshot, reason)


def _broken_rule(
    image: Image, location: Location, place: ClusterSnapshot, site: Site
) -> str:
    """Return the first rule that the location breaks, in words, or ''."""
    if place.fsid.lower() != site.fsid.lower():
        return f'in another Ceph cluster, {place.fsid}'
    if site.store is not None and location.store != site.store:
        return _other_store(location, site.store)
    if place.snapshot.pool == site.disk_pool:
        return f"in pool {site.disk_pool}, where the instances' disks live"
    if place.snapshot.image != image.id:
        # Glance names the RBD image after its own image. A location with
        # another name was set by hand: where users may set locations
        # (OSSN-0065), it may be somebody else's image.
        return f'names the RBD image {place.snapshot.image}, not {image.id}'
    if image.disk_format != 'raw':
        return f'the image is {image.disk_format or "of no format"}, not raw'
    return ''


def _other_store(location: Location, ours: str) -> str:
    if location.store:
        return f'belongs to Glance store {location.store}, not {ours}'
    return f'Glance does not say that it belongs to store {ours}'
