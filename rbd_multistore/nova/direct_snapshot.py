# SPDX-License-Identifier: Apache-2.0
"""A snapshot of a volume becomes an image, with nothing up or downloaded.

The image goes to the pool of this site's Glance store, which Glance names;
it is never guessed from where the volume came from.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import ClusterSnapshot
from rbd_multistore.ceph.snapshots import DIRECT, Snapshots
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService
from rbd_multistore.site import Site

# As Glance names the snapshot of what it has uploaded itself.
_WHOLE = 'snap'

# Glance makes an image active before it reads all of it for its hash.
_ACTIVE_WITHIN_S = 60.0
_PAUSE_S = 0.5


def to_image(
    site: Site,
    images: ImageService,
    volume: str,
    image_id: str,
) -> str:
    """Make a volume, as it is now, the data of a queued image.

    Return the location that Glance is to be told of. When anything fails,
    nothing is left. What a process that died left is removed with the volume
    (:meth:`Snapshots.remove_direct`).

    :raises ConfigError: this site has no store, or nobody knows its pool
    :raises CephForbidden: the cephx user may not write there
    """
    disks = site.volumes
    pool = _store_pool(site, images)
    _check_pool(disks.cluster, pool)
    target = Volumes(disks.cluster, pool)
    of_disks = Snapshots(disks.cluster, disks.pool)
    of_images = Snapshots(disks.cluster, pool)
    snapshot = DIRECT + image_id
    with contextlib.ExitStack() as meanwhile:
        taken = of_disks.create_protected(volume, snapshot)
        meanwhile.callback(of_disks.remove_protected, volume, snapshot)
        with contextlib.ExitStack() as undo:
            target.clone(taken, image_id, None)
            undo.callback(target.remove, image_id)
            target.flatten(image_id)
            whole = of_images.create_protected(image_id, _WHOLE)
            undo.pop_all()
    return ClusterSnapshot(disks.cluster.fsid(), whole).url


def register(
    images: ImageService,
    image_id: str,
    url: str,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell Glance of the location, and wait until the image is active.

    :raises GlanceError: Glance refuses
    :raises ImageNotActive: it does not make the image active
    """
    images.add_location(images.image(image_id), url)
    until_s = now_s() + _ACTIVE_WITHIN_S
    while True:
        image = images.image(image_id)
        if image.status == 'active':
            return
        if now_s() >= until_s or _is_given_up(image):
            image.check_active()
        sleep(_PAUSE_S)


def _is_given_up(image: Image) -> bool:
    return image.status == 'queued' and not image.lock


def _store_pool(site: Site, images: ImageService) -> str:
    """Return the pool that this site's store writes to.

    :raises ConfigError: it is not known, or in another cluster
    """
    if site.store is not None:
        detail = images.store_detail(site.store)
        if detail and detail.fsid not in (None, site.volumes.cluster.fsid()):
            raise exceptions.ConfigError(
                f'Glance store {site.store} is in another cluster, '
                f'{detail.fsid}: set glance_store_name to the one of this '
                'site.'
            )
    uploads = site.uploads(images)
    if uploads is None:
        raise exceptions.ConfigError(
            'The pool of this site is not known to Glance: set '
            'glance_store_name, and glance_store_pool where the service '
            'user may not see what a store is.'
        )
    return uploads.pool


def _check_pool(cluster: Cluster, pool: str) -> None:
    """Refuse a pool that is not there, before anything is made.

    :raises ConfigError: there is none of that name
    """
    try:
        with cluster.pool(pool, f'open pool {pool}'):
            pass
    except exceptions.PoolNotFound as exc:
        raise exceptions.ConfigError(
            f'{exc} It is that of the Glance store: see glance_store_name '
            'and glance_store_pool.'
        ) from exc
