# SPDX-License-Identifier: Apache-2.0
"""Brings images to one store, for all the callers of a process."""

from __future__ import annotations

from collections.abc import Callable

from rbd_multistore import exceptions
from rbd_multistore.ceph.uploads import Uploads
from rbd_multistore.copying import messages
from rbd_multistore.copying.account import Account, Report
from rbd_multistore.copying.lead import ClearTheWay, Lead, Limits, Time
from rbd_multistore.copying.pace import Deadline
from rbd_multistore.copying.progress import Phase, Progress, Watch
from rbd_multistore.copying.sharing import Flight, Flights
from rbd_multistore.copying.sight import Sight
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService


class Copier:
    """Brings images to stores. Safe for threads."""

    def __init__(
        self,
        store: str | None,
        limits: Limits,
        uploads: Callable[[ImageService], Uploads | None],
        clear_the_way: ClearTheWay,
        report: Report = lambda summary: None,
        clock: Time | None = None,
    ):
        """Bring images to stores, of which *store* is the one of this site.

        :param store: ``None``: this site has none
        :param uploads: gives the pool of *store*, if it is known
        :param clear_the_way: is called when a copy to *store* failed
        :param report: is told of each copy that was followed to its end
        """
        self.store = store
        self._limits = limits
        self._uploads = uploads
        self._clear_the_way = clear_the_way
        self._report = report
        self._clock = clock or Time()
        self._flights = Flights()
        self._known: frozenset[str] = frozenset()

    def bring(
        self,
        images: ImageService,
        image: Image,
        stores: frozenset[str],
        watch: Watch,
    ) -> Image:
        """Return *image* once it is in all of *stores*.

        Callers that want the same share one watch of the copy. Interrupting
        it stops the waiting; Glance goes on with the copy.

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
        deadline = Deadline(self._limits.timeout_s, self._clock.now_s())
        while not stores <= image.held_by:
            key = image.id, stores
            flight, leads = self._flights.join(key)
            if leads:
                with self._flights.leading(key, flight):
                    return self._lead(
                        images, image, stores, deadline, _both(flight, watch)
                    )
            self._follow(flight, deadline, watch)
            # The leader may have stopped for a reason of its own, and the
            # image is to be seen by this caller, whoever waited for it.
            image = images.image(image.id)
            image.check_active()
            is_late = deadline.left_s(self._clock.now_s()) <= 0
            if is_late and not stores <= image.held_by:
                raise self._timed_out(image, stores)
        return image

    def _follow(
        self, flight: Flight, deadline: Deadline, watch: Watch
    ) -> None:
        def told(seen: Progress) -> None:
            deadline.note(seen.behind, self._clock.now_s())
            watch(seen)

        flight.follow(told, lambda: deadline.left_s(self._clock.now_s()))

    def ask(
        self, images: ImageService, image: Image, stores: frozenset[str]
    ) -> None:
        """Ask for *image* in *stores*, and do not wait for it.

        :raises GlanceConflict: another copy of the image is under way
        :raises StoreUnknown: Glance has no such store
        :raises GlanceError: Glance refused
        """
        self._check_stores(images, image, stores)
        images.copy_image(image, stores)

    def _lead(
        self,
        images: ImageService,
        image: Image,
        stores: frozenset[str],
        deadline: Deadline,
        tell: Watch,
    ) -> Image:
        self._check_stores(images, image, stores)
        names = ','.join(sorted(stores))
        account = Account(image, names, self._clock.now_s())
        error: BaseException | None = None
        try:
            return Lead(
                images,
                image,
                self._sights(images, stores),
                self._limits,
                deadline,
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

    def _sights(
        self, images: ImageService, stores: frozenset[str]
    ) -> tuple[Sight, ...]:
        ours = self._uploads(images) if self.store in stores else None
        return tuple(
            Sight(store, ours if store == self.store else None)
            for store in sorted(stores)
        )

    def _check_stores(
        self, images: ImageService, image: Image, stores: frozenset[str]
    ) -> None:
        if not stores <= self._known:
            self._known = frozenset(store.id for store in images.stores())
        for store in sorted(stores - self._known):
            raise messages.store_unknown(image, store, sorted(self._known))

    def _timed_out(
        self, image: Image, stores: frozenset[str]
    ) -> exceptions.CopyTimeout:
        waiting = Progress(
            image.id,
            ', '.join(sorted(stores)),
            Phase.QUEUED,
            self._limits.timeout_s,
            image.size_bytes,
        )
        return messages.timed_out(
            waiting, self._limits.timeout_s, image.lock, None
        )


def _both(flight: Flight, watch: Watch) -> Watch:
    def tell(seen: Progress) -> None:
        flight.tell(seen)
        watch(seen)

    return tell
