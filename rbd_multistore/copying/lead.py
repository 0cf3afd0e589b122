# SPDX-License-Identifier: Apache-2.0
"""One copy, from the first request to its end: the asking and the waiting."""

from __future__ import annotations

import dataclasses
import datetime
import random
import time
from collections.abc import Callable

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.uploads import Upload, Uploads
from rbd_multistore.copying import machine, messages
from rbd_multistore.copying.account import Account
from rbd_multistore.copying.machine import Decision, Request, Step
from rbd_multistore.copying.pace import Pace, cluster_pause_s
from rbd_multistore.copying.progress import (
    Meter,
    Phase,
    Progress,
    StallTimer,
    Watch,
    phase,
)
from rbd_multistore.glance.image import Image, Task
from rbd_multistore.glance.service import ImageService

LOG = logging.getLogger(__name__)

# Seconds after which the lock of an accepted request is visible everywhere.
_SETTLED_S = 5.0
_LOG_INTERVAL_S = 30.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long, how often, how many times.

    :ivar poll_interval_s: longest pause between two looks at Glance
    :ivar timeout_s: longest wait for one copy
    :ivar stall_timeout_s: longest wait without any change; 0: for ever
    :ivar attempts: most requests for one image, from 1 on
    """

    poll_interval_s: float = 15.0
    timeout_s: float = 600.0
    stall_timeout_s: float = 180.0
    attempts: int = 2


@dataclasses.dataclass(frozen=True)
class Time:
    """The clocks, the sleep and the dice, so that a test can have its own."""

    now_s: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(
        datetime.UTC
    )
    sleep: Callable[[float], None] = time.sleep
    dice: Callable[[], float] = random.random


#: Is called when a copy failed: removes what a Glance that died left of the
#: image, where that is allowed. Says what is still in the way, '' if nothing.
ClearTheWay = Callable[[ImageService, Image], str]


class Lead:
    """The watch of one copy to one store, by the one who leads it."""

    def __init__(
        self,
        images: ImageService,
        image: Image,
        store: str,
        uploads: Uploads | None,
        limits: Limits,
        clock: Time,
        account: Account,
        clear_the_way: ClearTheWay,
        tell: Watch,
    ):
        """Watch the copy of *image* to *store*.

        :param uploads: the store's pool, if our cluster has it
        :param tell: is told how far the copy is
        """
        self._images = images
        self._image = image
        self._store = store
        self._uploads = uploads
        self._limits = limits
        self._clock = clock
        self._account = account
        self._clear_the_way = clear_the_way
        self._tell = tell
        self._pace = Pace(limits.poll_interval_s, clock.dice)
        self._meter = Meter()
        self._request: Request | None = None
        self._requested_s = 0.0
        self._upload: Upload | None = None
        self._task: Task | None = None
        self._leave_alone_s = 0.0
        self._until_s = clock.now_s() + limits.timeout_s
        self._stall = StallTimer(limits.stall_timeout_s, clock.now_s())
        self._logged_s = clock.now_s()

    def run(self) -> Image:
        """Return the image once it is in the store; errors as ``bring``'s."""
        self._learn_of_lock()
        while (decision := self._decide()).step is not Step.DONE:
            if decision.step is Step.ENDED:
                self._ended()
            else:
                if decision.step is Step.ASK:
                    self._ask()
                self._check_time(self._report())
                self._wait()
                self._look()
        self._publish(self._progress(Phase.DONE))
        return self._image

    def _decide(self) -> Decision:
        since_s = self._clock.now_s() - self._requested_s
        return machine.decide(
            self._image,
            frozenset({self._store}),
            self._request,
            lock_expired=self._lock_expired(),
            settled=since_s >= _SETTLED_S,
        )

    def _ended(self) -> None:
        """Clear the way for another request, or give up."""
        self._count_lost_request()
        in_the_way = self._clear_the_way(self._images, self._image)
        if in_the_way or self._account.attempts >= self._limits.attempts:
            raise messages.failed(
                self._image, self._store, self._account.attempts, in_the_way
            )
        LOG.warning(
            'The copy of image %s to store %s ended without it: %s.',
            self._image.id,
            self._store,
            machine.why_ended(self._image, frozenset({self._store})),
        )
        self._request = None

    def _count_lost_request(self) -> None:
        # That it has left its mark shows that it did arrive.
        if self._request is not None and not self._request.accepted:
            self._account.attempts += 1

    def _ask(self) -> None:
        LOG.info(
            'Asking for image %s in store %s', self._image.id, self._store
        )
        marks = machine.marked(self._image)
        try:
            self._images.copy_image(self._image, {self._store})
        except exceptions.GlanceConflict as exc:
            # Another host was faster, or has the image copied elsewhere.
            LOG.info('Image %s is being worked on: %s', self._image.id, exc)
            return
        except exceptions.GlanceUnavailable as exc:
            LOG.warning('Asking again, unless it was heard: %s', exc)
            self._leave_alone_s = exc.retry_after_s
            self._request = Request(accepted=False, marked_before=marks)
            return
        except exceptions.GlanceInvalid:
            # So is the answer to a copy that another host saw through since
            # we looked.
            self._look()
            if not machine.is_in(self._image, self._store):
                raise
            return
        except exceptions.GlanceForbidden as exc:
            raise messages.not_allowed(
                self._image, self._store, self._images.has_service_credentials
            ) from exc
        self._account.attempts += 1
        self._request = Request(accepted=True, marked_before=marks)
        self._requested_s = self._clock.now_s()
        self._task = None

    def _look(self) -> None:
        """Look at Glance."""
        self._account.polls += 1
        try:
            image = self._images.image_again(self._image)
        except exceptions.GlanceUnavailable as exc:
            LOG.warning('Still waiting for image %s: %s', self._image.id, exc)
            self._leave_alone_s = exc.retry_after_s
            return
        image.check_active()
        self._image = image
        if self._request is not None:
            self._request = self._request.after(image)
        if not self._cluster_tells():
            self._learn_of_lock()

    def _cluster_tells(self) -> bool:
        """Tell whether our cluster shows how far an upload is."""
        if self._upload is not None:
            return self._upload.written_bytes is not None
        return self._uploads is not None

    def _wait(self) -> None:
        """Wait until it is time to look at Glance again.

        It is time at once when our cluster shows that all is written.
        """
        pause_s = max(self._pace.next_s(), self._leave_alone_s)
        self._leave_alone_s = 0.0
        until_s = min(self._clock.now_s() + pause_s, self._until_s)
        while (left_s := until_s - self._clock.now_s()) > 0:
            if self._uploads is None:
                self._clock.sleep(left_s)
                return
            elapsed_s = self._account.elapsed_s(self._clock.now_s())
            self._clock.sleep(min(left_s, cluster_pause_s(elapsed_s)))
            was_whole = self._is_whole()
            self._look_at_cluster()
            self._report()
            if self._is_whole() and not was_whole:
                self._pace.restart()
                return

    def _look_at_cluster(self) -> None:
        if self._uploads is None:
            return
        try:
            self._upload = self._uploads.look(self._image.id)
        except exceptions.CephError as exc:
            LOG.debug('No look at the upload: %s', exc)

    def _is_whole(self) -> bool:
        return self._upload is not None and self._upload.is_whole

    def _report(self) -> Progress:
        """Tell everybody how far the copy is."""
        seen = self._progress(
            phase(
                self._image,
                self._store,
                self._upload,
                self._task,
                ours=self._request is not None,
            )
        )
        self._publish(seen)
        now_s = self._clock.now_s()
        if now_s - self._logged_s >= _LOG_INTERVAL_S:
            self._logged_s = now_s
            LOG.info(
                'Image %s to store %s: %s', seen.image_id, seen.store, seen
            )
        return seen

    def _publish(self, seen: Progress) -> None:
        self._account.enter(seen.phase, self._clock.now_s())
        self._tell(seen)

    def _progress(self, now: Phase) -> Progress:
        now_s = self._clock.now_s()
        written_bytes = rate_bytes_s = None
        if now is Phase.UPLOADING:
            written_bytes = self._written_bytes()
        if written_bytes is not None:
            rate_bytes_s = self._meter.rate_bytes_s(now_s, written_bytes)
        return Progress(
            image_id=self._image.id,
            store=self._store,
            phase=now,
            elapsed_s=self._account.elapsed_s(now_s),
            total_bytes=self._image.size_bytes,
            written_bytes=written_bytes,
            rate_bytes_s=rate_bytes_s,
        )

    def _written_bytes(self) -> int | None:
        if self._upload is not None and self._upload.written_bytes is not None:
            return self._upload.written_bytes
        return self._task.copied_bytes if self._task else None

    def _check_time(self, seen: Progress) -> None:
        """Give up when the copy takes too long, or shows no sign of life."""
        now_s = self._clock.now_s()
        if now_s >= self._until_s:
            self._learn_of_lock()
            raise messages.timed_out(seen, self._limits.timeout_s, self._task)
        if not self._stall.is_stalled(now_s, self._signs_of_life(seen)):
            return
        # The last sign that there can be costs a request of its own.
        self._learn_of_lock()
        if self._lock_expired():
            return
        if self._stall.is_stalled(now_s, self._signs_of_life(seen)):
            raise messages.stalled(
                seen, self._limits.stall_timeout_s, self._task
            )

    def _signs_of_life(self, seen: Progress) -> tuple[object, ...]:
        return (
            seen.phase,
            seen.written_bytes,
            self._image.lock,
            self._image.importing,
            self._task.updated_at if self._task else None,
        )

    def _learn_of_lock(self) -> None:
        self._task = self._images.lock_task(self._image)

    def _lock_expired(self) -> bool:
        task = self._task
        return (
            task is not None
            and task.id == self._image.lock
            and self._clock.utc() >= task.lock_ends_at
        )
