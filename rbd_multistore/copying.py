# SPDX-License-Identifier: Apache-2.0
"""Bring an image to a store: ask Glance to copy it, and follow the copy.

What to do next is decided by :func:`next_step`, which is pure; the waiting
is around it, in :class:`Copier`.

What Glance shows of a copy (Glance 33, observed; the Images API reference,
"Image import process"):

* the lock, one for each image, is there before the request is answered,
  and goes when the copy has ended, well or not;
* the store joins ``os_glance_importing_to_stores`` a moment later;
* ``os_glance_failed_import`` may still name the store from an earlier copy
  while the lock is held, so it is believed only when the lock is gone.
"""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Iterator

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService

LOG = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.25
_BACKOFF = 1.5


class Step(enum.Enum):
    """What is to be done next."""

    DONE = enum.auto()
    ASK = enum.auto()
    WAIT = enum.auto()
    GIVE_UP = enum.auto()


class Phase(enum.Enum):
    """What a copy is seen to do, as a person reads it."""

    QUEUED = 'waiting for another copy of the image'
    STARTING = 'asked for'
    COPYING = 'copying'
    DONE = 'done'


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a copy is.

    :ivar store: where it goes
    :ivar phase: what it is seen to do
    :ivar elapsed_s: seconds since it was first waited for
    :ivar total_bytes: bytes of the image
    """

    image_id: str
    store: str
    phase: Phase
    elapsed_s: float
    total_bytes: int


Watch = Callable[[Progress], None]


def next_step(image: Image, store: str, asked: bool) -> Step:
    """Decide, from the image as it is now.

    :param store: the store that it is to be in
    :param asked: whether a request of ours was accepted
    """
    if store in image.stores and store not in image.importing:
        return Step.DONE
    if image.lock:
        return Step.WAIT
    return Step.GIVE_UP if asked else Step.ASK


def phase(image: Image, store: str, asked: bool) -> Phase:
    """Tell what the copy is doing while it is waited for."""
    if store in image.importing:
        return Phase.COPYING
    return Phase.STARTING if asked else Phase.QUEUED


def why_failed(image: Image, store: str) -> str:
    """Say why a copy that was accepted will never be there."""
    if store in image.failed:
        return 'Glance reports that it failed'
    if store in image.importing:
        return 'Glance shows it as importing, but no task works on it any more'
    return 'Glance shows neither the copy nor a failure of it'


class Copier:
    """Brings images to one store. Safe for threads."""

    def __init__(
        self,
        images: ImageService,
        store: str,
        poll_interval_s: float,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Bring images to *store*.

        :param poll_interval_s: longest pause between two looks, in seconds
        :param timeout_s: longest wait for one copy, in seconds
        """
        self.store = store
        self._images = images
        self._poll_interval_s = poll_interval_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep

    def bring(self, image: Image, watch: Watch) -> Image:
        """Return *image* once it is in the store.

        Interrupting it stops the waiting; Glance goes on with the copy.

        :param watch: is told how far the copy is, after each look
        :raises StoreUnknown: Glance has no such store
        :raises CopyNotAllowed: nobody whose credentials we have may copy it
        :raises CopyFailed: the copy failed or died
        :raises CopyTimeout: it did not end in time
        :raises ImageNotFound: the image was deleted, or withdrawn from the
            caller
        :raises ImageNotActive: it was deactivated
        """
        self._check_store(image)
        started = self._clock()
        pauses = self._pauses()
        asked = False
        while (step := next_step(image, self.store, asked)) is not Step.DONE:
            if step is Step.GIVE_UP:
                raise self._failed(image)
            if step is Step.ASK:
                asked = self._ask(image)
            elapsed_s = self._clock() - started
            now = phase(image, self.store, asked)
            watch(self._progress(image, now, elapsed_s))
            left_s = self._timeout_s - elapsed_s
            if left_s <= 0:
                raise self._timed_out(image, now)
            self._sleep(min(next(pauses), left_s))
            image = self._look(image)
        watch(self._progress(image, Phase.DONE, self._clock() - started))
        return image

    def _pauses(self) -> Iterator[float]:
        pause_s = min(_FIRST_PAUSE_S, self._poll_interval_s)
        while True:
            yield pause_s
            pause_s = min(pause_s * _BACKOFF, self._poll_interval_s)

    def _look(self, image: Image) -> Image:
        try:
            seen = self._images.image(image.id)
        except exceptions.GlanceUnavailable as exc:
            LOG.warning('Still waiting for image %s: %s', image.id, exc)
            return image
        seen.check_active()
        return seen

    def _ask(self, image: Image) -> bool:
        """Ask for the copy; tell whether Glance accepted it from us."""
        LOG.info('Asking for image %s in store %s', image.id, self.store)
        try:
            self._images.copy_image(image, {self.store})
        except exceptions.GlanceConflict as exc:
            # Another host was faster, or copies the image elsewhere.
            LOG.info('Image %s is being worked on: %s', image.id, exc)
            return False
        except exceptions.GlanceInvalid:
            # So is the answer to a copy that another host saw through since
            # we looked.
            if self.store not in self._look(image).stores:
                raise
            return False
        except exceptions.GlanceForbidden as exc:
            raise self._not_allowed(image) from exc
        return True

    def _check_store(self, image: Image) -> None:
        known = sorted(store.id for store in self._images.stores())
        if self.store not in known:
            raise exceptions.StoreUnknown(
                f'Glance has no store {self.store}: set glance_store_name to '
                f'one of {", ".join(known)}.',
                image.id,
                self.store,
            )

    def _progress(
        self, image: Image, now: Phase, elapsed_s: float
    ) -> Progress:
        return Progress(image.id, self.store, now, elapsed_s, image.size_bytes)

    def _not_allowed(self, image: Image) -> exceptions.CopyNotAllowed:
        if self._images.has_service_credentials:
            remedy = 'allow it to the service user of [rbd_multistore]'
        else:
            remedy = 'set auth_type and a service user in [rbd_multistore]'
        return exceptions.CopyNotAllowed(
            f'Image {image.id} may not be copied to store {self.store}: '
            f"Glance's policy copy_image refuses it. Either {remedy}, or "
            'place the image in the store beforehand.',
            image.id,
            self.store,
        )

    def _failed(self, image: Image) -> exceptions.CopyFailed:
        return exceptions.CopyFailed(
            f'The copy of image {image.id} to store {self.store} failed: '
            f'{why_failed(image, self.store)}. The log of glance-api says '
            'more.',
            image.id,
            self.store,
        )

    def _timed_out(self, image: Image, now: Phase) -> exceptions.CopyTimeout:
        return exceptions.CopyTimeout(
            f'The copy of image {image.id} to store {self.store} did not end '
            f'in {self._timeout_s:g} s; it is {now.value}. Glance goes on: '
            'try again later, or raise copy_timeout.',
            image.id,
            self.store,
        )
