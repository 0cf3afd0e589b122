# SPDX-License-Identifier: Apache-2.0
"""The decision: clone the image here, or have it copied here and clone it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from oslo_log import log as logging

from rbd_multistore import cloneable, exceptions
from rbd_multistore.ceph import volumes as ceph_volumes
from rbd_multistore.ceph.volumes import Volume, Volumes
from rbd_multistore.cloneable import Verdict
from rbd_multistore.copying.copier import Copier
from rbd_multistore.copying.progress import Watch
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService
from rbd_multistore.virt.storage import StoragePool

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Created:
    """A volume that was made.

    :ivar copied: whether the image had to be brought to the site first
    :ivar seconds: how long all of it took
    """

    volume: Volume
    copied: bool
    seconds: float


class Backend:
    """Volumes at one site. Safe for threads."""

    def __init__(
        self,
        images: ImageService,
        volumes: Volumes,
        storage: StoragePool | None,
        copier: Copier,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Make volumes from *images* in *volumes*.

        :param storage: the same pool as libvirt knows it, if it does
        :param copier: brings images to this site's store; where it has no
            store, an image that is not here is refused
        """
        self._images = images
        self._volumes = volumes
        self._storage = storage
        self._copier = copier
        self._clock = clock

    def create_from_image(
        self,
        name: str,
        image: str,
        size_bytes: int | None = None,
        watch: Watch = lambda progress: None,
    ) -> Created:
        """Make volume *name* a clone of an image.

        The image is cloned where it is in this site's store, and copied
        there first where it is not. When anything fails, no volume is left.

        :param image: id or name of an image that the caller may see
        :param size_bytes: size of the volume; ``None``: as the image
        :param watch: is told how far a copy is
        :raises SizeTooSmall: the image needs more; nothing was made
        :raises VolumeExists: the name is taken; nothing was made
        :raises ImageError: the image cannot be used
        :raises CopyError: it could not be brought to the site
        """
        started = self._clock()
        ceph_volumes.check_name(name)
        found = self._images.find(image)
        _check_usable(found, size_bytes)
        volume = self._clone_if_here(found, name, size_bytes)
        copied = volume is None
        if volume is None:
            volume = self._copy_and_clone(found, name, size_bytes, watch)
        return Created(volume, copied, self._clock() - started)

    def create_blank(self, name: str, size_bytes: int) -> Created:
        """Make a blank volume.

        :raises VolumeExists: the name is taken; nothing was made
        """
        started = self._clock()
        ceph_volumes.check_name(name)
        self._check_free(name)
        if self._storage and self._storage.create_volume(name, size_bytes):
            volume = self._volumes.show(name)
        else:
            volume = self._volumes.create(name, size_bytes)
        return Created(volume, False, self._clock() - started)

    def verdicts(self, image: Image) -> tuple[Verdict, ...]:
        """Tell of each location of *image* whether it can be cloned here."""
        return tuple(self._opened(verdict) for verdict in self._judged(image))

    def _copy_and_clone(
        self, image: Image, name: str, size_bytes: int | None, watch: Watch
    ) -> Volume:
        store = self._copier.store
        if store is None:
            raise self._not_cloneable(
                image, 'Set glance_store_name to have it copied here'
            )
        self._check_free(name)
        there = self._copier.bring(
            self._images, image, frozenset({store}), watch
        )
        volume = self._clone_if_here(there, name, size_bytes)
        if volume is None:
            raise self._not_cloneable(
                there,
                f'It is in Glance store {store}, and each location says why '
                'that does not help; if it is in another cluster, set '
                'glance_store_name and libvirt_pool to one site',
            )
        return volume

    def _clone_if_here(
        self, image: Image, name: str, size_bytes: int | None
    ) -> Volume | None:
        """Clone the first location that can be; ``None`` if none can."""
        store = self._copier.store
        if store is not None and store not in image.held_by:
            # What Glance says of the stores, it says by the locations.
            return None
        for verdict in self._judged(image):
            if verdict.snapshot is None:
                LOG.debug('%s: %s', verdict.location.url, verdict.reason)
                continue
            try:
                return self._volumes.clone(verdict.snapshot, name, size_bytes)
            except exceptions.SnapshotNotFound as exc:
                LOG.warning('Image %s: %s', image.id, exc)
        return None

    def _judged(self, image: Image) -> Iterator[Verdict]:
        site = cloneable.Site(
            fsid=self._volumes.cluster.fsid(),
            store=self._copier.store,
            disk_pool=self._volumes.pool,
        )
        for location in self._images.locations(image):
            yield cloneable.judge(image, location, site)

    def _opened(self, verdict: Verdict) -> Verdict:
        """Add the one rule that only the cluster can tell."""
        if verdict.snapshot is None:
            return verdict
        try:
            ceph_volumes.snapshot_size_bytes(
                self._volumes.cluster, verdict.snapshot
            )
        except exceptions.CephError as exc:
            return Verdict(verdict.location, None, str(exc))
        return verdict

    def _check_free(self, name: str) -> None:
        if self._volumes.exists(name):
            raise exceptions.VolumeExists(
                f'Volume {name} is in pool {self._volumes.pool} already. '
                'Choose another name, or delete it first.'
            )

    def _not_cloneable(
        self, image: Image, remedy: str
    ) -> exceptions.ImageNotCloneable:
        reasons = tuple(
            f'{verdict.location.url}: {verdict.reason}'
            for verdict in self.verdicts(image)
        )
        return exceptions.ImageNotCloneable(
            f'Image {image.id} cannot be cloned here. {remedy}. Its '
            f'locations: {"; ".join(reasons) or "none"}.',
            image.id,
            reasons,
        )


def _check_usable(image: Image, size_bytes: int | None) -> None:
    image.check_active()
    if image.disk_format != 'raw':
        raise exceptions.ImageNotCloneable(
            f'Image {image.id} is {image.disk_format}: only a raw image can '
            'be cloned. Convert it (qemu-img convert -O raw) and upload it '
            'anew.',
            image.id,
        )
    if size_bytes is not None and size_bytes < image.least_bytes:
        raise exceptions.SizeTooSmall(
            f'Image {image.id} needs a volume of at least '
            f'{image.least_bytes} bytes and {size_bytes} were asked for.',
            asked_bytes=size_bytes,
            least_bytes=image.least_bytes,
        )
