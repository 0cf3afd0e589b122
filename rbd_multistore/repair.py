# SPDX-License-Identifier: Apache-2.0
"""What a Glance that died in the middle of a copy left in the pool.

It is an RBD image with the id of Glance's image as its name, half written.
Glance makes such an image anew for each copy and fails where one exists, so
that every further copy fails until this one is removed (observed, Glance
33). It is removed only if all of this holds, at one time:

* it has no snapshot (a whole image has one, and clones hang on it);
* no location of the image names it;
* nobody has it open for writing;
* no copy of the image is under way: Glance's lock is gone or has expired.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Iterator

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.snapshot import parse_url
from rbd_multistore.ceph.uploads import Upload, Uploads
from rbd_multistore.glance.image import Image, Location, Task
from rbd_multistore.glance.service import ImageService

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What there is of an image in a store's pool.

    :ivar place: the RBD image, as ``pool/image``
    :ivar upload: what is there; ``None``: nothing
    :ivar reasons: why it must be kept, in words; none: it is an orphan
    """

    place: str
    upload: Upload | None
    reasons: tuple[str, ...]

    @property
    def is_orphan(self) -> bool:
        """Tell whether something is there that may be removed."""
        return self.upload is not None and not self.reasons


class Repair:
    """Finds and removes what a copy left in one store's pool."""

    def __init__(
        self,
        uploads: Callable[[ImageService], Uploads | None],
        allowed: bool,
        utc: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(
            datetime.UTC
        ),
    ):
        """Look at the pool that *uploads* gives.

        :param allowed: whether :meth:`clear_the_way` may remove anything
        """
        self._uploads = uploads
        self._allowed = allowed
        self._utc = utc

    def inspect(self, images: ImageService, image: Image) -> Finding:
        """Return what there is of *image* in the pool; change nothing.

        :raises ConfigError: the store's pool is not known
        :raises GlanceForbidden: the image's locations cannot be seen
        """
        uploads = self._pool(images)
        return self._finding(images, image, uploads)

    def remove(self, images: ImageService, image: Image) -> Finding:
        """Remove the orphan that there is of *image*; return what it was.

        :raises RequestError: there is none
        :raises VolumeBusy: it came into use meanwhile
        """
        uploads = self._pool(images)
        finding = self._finding(images, image, uploads)
        if finding.upload is None:
            raise exceptions.RequestError(
                f'Nothing to repair: there is no {finding.place}.'
            )
        _check_none(finding.place, finding.reasons)

        def check_again() -> None:
            now = images.image_again(image)
            _check_none(
                finding.place,
                tuple(self._reasons_of_glance(images, now, uploads)),
            )

        uploads.remove_unused(image.id, check_again)
        LOG.warning(
            'Removed %s, which a copy of image %s left half written',
            finding.place,
            image.id,
        )
        return finding

    def clear_the_way(self, images: ImageService, image: Image) -> str:
        """Remove the orphan that makes a copy fail, where that is allowed.

        Return what is still in the way, in words; '' if nothing is.
        """
        try:
            finding = self.inspect(images, image)
        except exceptions.RBDMultistoreError as exc:
            LOG.info('What %s left is not known: %s', image.id, exc)
            return ''
        if finding.upload is None:
            return ''
        if not finding.is_orphan:
            return (
                f'{finding.place} is in the way, and is kept because '
                f'{"; ".join(finding.reasons)}.'
            )
        if not self._allowed:
            return (
                f'{finding.place}, half written by a Glance that died, is in '
                f'the way. Run "rbd-multistore image repair {image.id}", or '
                'set repair_orphans.'
            )
        self.remove(images, image)
        return ''

    def _pool(self, images: ImageService) -> Uploads:
        uploads = self._uploads(images)
        if uploads is None:
            raise exceptions.ConfigError(
                'The Ceph pool of the Glance store is not known: set '
                'glance_store_name and glance_store_pool.'
            )
        return uploads

    def _finding(
        self, images: ImageService, image: Image, uploads: Uploads
    ) -> Finding:
        upload = uploads.look(image.id)
        reasons = [] if upload is None else list(_reasons_of_cluster(upload))
        if upload is not None:
            reasons += self._reasons_of_glance(images, image, uploads)
        return Finding(f'{uploads.pool}/{image.id}', upload, tuple(reasons))

    def _reasons_of_glance(
        self, images: ImageService, image: Image, uploads: Uploads
    ) -> Iterator[str]:
        yield from _reasons_of_locations(
            images.locations(image), uploads.fsid(), uploads.pool, image.id
        )
        yield from _reasons_of_lock(
            image, images.lock_task(image), self._utc()
        )


def _reasons_of_cluster(upload: Upload) -> Iterator[str]:
    if upload.snapshots:
        yield f'it has the snapshots {", ".join(sorted(upload.snapshots))}'
    if upload.watchers:
        yield (
            f'{len(upload.watchers)} clients have it open (one that was '
            'killed is forgotten after half a minute)'
        )


def _reasons_of_locations(
    locations: Iterable[Location], fsid: str, pool: str, image_id: str
) -> Iterator[str]:
    for location in locations:
        place = parse_url(location.url)
        if place is None:
            continue
        named = place.fsid, place.snapshot.pool, place.snapshot.image
        if named == (fsid, pool, image_id):
            yield f'the location {location.url} names it'


def _reasons_of_lock(
    image: Image, task: Task | None, utc: datetime.datetime
) -> Iterator[str]:
    if not image.lock:
        return
    if task is None:
        yield f'task {image.lock} holds the lock of the image'
    elif utc < task.lock_ends_at:
        yield (
            f'task {task.id}, {task.status}, holds the lock of the image '
            f'until {task.lock_ends_at:%Y-%m-%d %H:%M:%S %Z}'
        )


def _check_none(place: str, reasons: tuple[str, ...]) -> None:
    if reasons:
        raise exceptions.RequestError(
            f'{place} is kept because {"; ".join(reasons)}.'
        )
