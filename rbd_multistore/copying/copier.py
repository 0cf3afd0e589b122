# SPDX-License-Identifier: Apache-2.0
"""Brings images to one store, for all the callers of a process."""

from __future__ import annotations

from collections.abc import Callable

from rbd_multistore.ceph.uploads import Uploads
from rbd_multistore.copying import machine, messages
from rbd_multistore.copying.account import Account, Report
from rbd_multistore.copying.lead import ClearTheWay, Lead, Limits, Time
from rbd_multistore.copying.progress import Phase, Progress, Watch
from rbd_multistore.copying.sharing import Flight, Flights
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService


class Copier:
    """Brings images to one store. Safe for threads."""

    def __init__(
        self,
        store: str,
        limits: Limits,
        uploads: Callable[[ImageService], Uploads | None],
        clear_the_way: ClearTheWay,
        report: Report = lambda summary: None,
        clock: Time | None = None,
    ):
        """Bring images to *store*.

        :param uploads: gives the store's pool, if our cluster has it
        :param clear_the_way: is called when a copy failed
        :param report: is told of each copy that was followed to its end
        """
        self.store = store
        self._limits = limits
        self._uploads = uploads
        self._clear_the_way = clear_the_way
        self._report = report
        self._clock = clock or Time()
        self._flights = Flights()
        self._store_is_known = False

    def bring(self, images: ImageService, image: Image, watch: Watch) -> Image:
        """Return *image* once it is in the store.

        Callers that want the same image share one watch of its copy.
        Interrupting it stops the waiting; Glance goes on with the copy.

        :param images: with the caller's credentials
        :param watch: is told how far the copy is
        :raises StoreUnknown: Glance has no such store
        :raises CopyNotAllowed: nobody whose credentials we have may copy it
        :raises CopyFailed: the copy failed or died, as often as it was
            asked for
        :raises CopyTimeout: it did not end in time, or stalled
        :raises ImageNotFound: the image was deleted, or withdrawn from the
            caller
        :raises ImageNotActive: it was deactivated
        :raises GlanceError: Glance refused for a reason that stays
        """
        until_s = self._clock.now_s() + self._limits.timeout_s
        while not machine.is_in(image, self.store):
            flight, leads = self._flights.join(image.id)
            if leads:
                return self._lead(flight, images, image, watch)
            left_s = until_s - self._clock.now_s()
            if left_s <= 0:
                raise messages.timed_out(
                    self._waiting(image), self._limits.timeout_s, None
                )
            flight.follow(watch, left_s)
            # The leader may have stopped for a reason of its own, and the
            # image is to be seen by this caller, whoever waited for it.
            image = images.image(image.id)
            image.check_active()
        return image

    def _lead(
        self, flight: Flight, images: ImageService, image: Image, watch: Watch
    ) -> Image:
        def tell(seen: Progress) -> None:
            flight.tell(seen)
            watch(seen)

        with self._flights.leading(image.id, flight):
            self._check_store(images, image)
            account = Account(image, self.store, self._clock.now_s())
            error: BaseException | None = None
            try:
                return Lead(
                    images,
                    image,
                    self.store,
                    self._uploads(images),
                    self._limits,
                    self._clock,
                    account,
                    self._clear_the_way,
                    tell,
                ).run()
            except BaseException as exc:
                error = exc
                raise
            finally:
                self._report(account.close(self._clock.now_s(), error))

    def _check_store(self, images: ImageService, image: Image) -> None:
        if self._store_is_known:
            return
        known = sorted(store.id for store in images.stores())
        if self.store not in known:
            raise messages.store_unknown(image, self.store, known)
        self._store_is_known = True

    def _waiting(self, image: Image) -> Progress:
        return Progress(
            image.id,
            self.store,
            Phase.QUEUED,
            self._limits.timeout_s,
            image.size_bytes,
        )
