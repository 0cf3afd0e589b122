# SPDX-License-Identifier: Apache-2.0
"""One copy, from the first request to its end: the asking and the waiting."""

from __future__ import annotations

import dataclasses
import datetime
import random
import time
from collections.abc import Callable, Sequence

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.copying import machine, messages
from rbd_multistore.copying.account import Account
from rbd_multistore.copying.machine import Decision, Request, Step
from rbd_multistore.copying.pace import Deadline, Pace, cluster_pause_s
from rbd_multistore.copying.progress import Phase, Progress, StallTimer, Watch
from rbd_multistore.copying.sight import Sight
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
    """The watch of one copy of an image, by the one who leads it."""

    def __init__(
        self,
        images: ImageService,
        image: Image,
        sights: Sequence[Sight],
        limits: Limits,
        deadline: Deadline,
        clock: Time,
        account: Account,
        clear_the_way: ClearTheWay,
        tell: Watch,
    ):
        """Watch the copy of *image* to the stores of *sights*.

        :param deadline: the time that the caller waits
        :param tell: is told how far the copy to each store is
        """
        self._images = images
        self._image = image
        self._sights = sights
        self._stores = frozenset(sight.store for sight in sights)
        self._limits = limits
        self._clock = clock
        self._account = account
        self._clear_the_way = clear_the_way
        self._tell = tell
        self._pace = Pace(limits.poll_interval_s, clock.dice)
        self._request: Request | None = None
        self._requested_s = 0.0
        self._task: Task | None = None
        self._lock_asked_about = ''
        self._not_before_s = clock.now_s()
        self._deadline = deadline
        self._stall = StallTimer(limits.stall_timeout_s, clock.now_s())
        self._logged_s = clock.now_s()

    def run(self) -> Image:
        """Return the image once all stores have it; errors as ``bring``'s."""
        self._learn_of_lock()
        while (decision := self._decide()).step is not Step.DONE:
            if decision.step is Step.ENDED:
                self._ended(decision.stores)
                continue
            if decision.step is Step.ASK:
                self._ask(decision.stores)
            self._look_later()
        self._report()
        return self._image

    def _look_later(self) -> None:
        """Wait, and look until Glance has answered.

        Nothing is decided, and so nothing asked for again, on an old view.
        """
        looked = False
        while not looked:
            self._check_time(self._report())
            self._wait()
            looked = self._look()

    def _decide(self) -> Decision:
        since_s = self._clock.now_s() - self._requested_s
        return machine.decide(
            self._image,
            self._stores,
            self._request,
            lock_expired=self._lock_expired(),
            settled=since_s >= _SETTLED_S,
        )

    def _ask(self, stores: frozenset[str]) -> None:
        """Ask for the image in *stores*; note what became of the request."""
        names = ', '.join(sorted(stores))
        LOG.info('Asking for image %s in store %s', self._image.id, names)
        before = self._image
        try:
            self._images.copy_image(self._image, stores)
        except exceptions.GlanceConflict as exc:
            # Another host was faster, or has the image copied elsewhere.
            LOG.info('Image %s is being worked on: %s', self._image.id, exc)
        except exceptions.GlanceUnavailable as exc:
            LOG.warning('Asking again, unless it was heard: %s', exc)
            self._leave_alone(exc.retry_after_s)
            self._request = Request(accepted=False, before=before)
        except exceptions.GlanceInvalid:
            # So is the answer where another host's copy was faster.
            self._look()
            if not stores & self._image.held_by:
                raise
        except exceptions.GlanceForbidden as exc:
            raise messages.not_allowed(
                self._image, names, self._images.has_service_credentials
            ) from exc
        else:
            self._account.attempts += 1
            self._request = Request(accepted=True, before=before)
            self._requested_s = self._clock.now_s()
            self._pace.restart()

    def _ended(self, missing: frozenset[str]) -> None:
        """Clear the way for another request, or give up."""
        if self._request is not None and not self._request.accepted:
            # Its answer was lost, but something came of it.
            self._account.attempts += 1
        in_the_way = ''
        if any(s.is_ours and s.store in missing for s in self._sights):
            in_the_way = self._clear_the_way(self._images, self._image)
        attempts = self._account.attempts
        if in_the_way or attempts >= self._limits.attempts:
            raise messages.failed(self._image, missing, attempts, in_the_way)
        LOG.warning(
            'The copy of image %s ended, and store %s lacks it: %s.',
            self._image.id,
            ', '.join(sorted(missing)),
            machine.why_ended(self._image, missing),
        )
        self._request = None

    def _look(self) -> bool:
        """Look at Glance; tell whether it answered."""
        self._account.polls += 1
        try:
            image = self._images.image_again(self._image)
        except exceptions.GlanceUnavailable as exc:
            LOG.warning('Still waiting for image %s: %s', self._image.id, exc)
            self._leave_alone(exc.retry_after_s)
            return False
        image.check_active()
        self._image = image
        if self._request is not None:
            self._request = self._request.after(image)
        if self._lock_is_new() or all(s.needs_task for s in self._sights):
            self._learn_of_lock()
        return True

    def _lock_is_new(self) -> bool:
        """Tell whether nobody was asked yet who holds the lock."""
        return self._image.lock not in ('', self._lock_asked_about)

    def _wait(self) -> None:
        """Wait until it is time to look at Glance again.

        It is time at once when our cluster shows that all is written, and
        when nothing has moved for too long: that is not said on an old view.
        """
        now_s = self._clock.now_s()
        look_s = max(now_s + self._pace.next_s(), self._not_before_s)
        until_s = min(look_s, now_s + self._deadline.left_s(now_s))
        while (left_s := until_s - self._clock.now_s()) > 0:
            self._clock.sleep(min(left_s, cluster_pause_s(self._elapsed_s())))
            became_whole = self._look_at_cluster()
            if became_whole:
                self._pace.restart()
            if self._is_stalled(self._report()) or became_whole:
                until_s = min(until_s, self._not_before_s)

    def _leave_alone(self, seconds: float) -> None:
        self._not_before_s = self._clock.now_s() + seconds

    def _look_at_cluster(self) -> bool:
        """Look at our cluster; tell whether an upload has become whole."""
        became_whole = False
        for sight in self._sights:
            was_whole = sight.is_whole
            sight.look(self._image.id)
            became_whole |= sight.is_whole and not was_whole
        return became_whole

    def _report(self) -> tuple[Progress, ...]:
        """Tell everybody how far the copy is."""
        now_s = self._clock.now_s()
        all_seen = tuple(
            sight.progress(
                self._image,
                self._task,
                ours=self._request is not None,
                now_s=now_s,
                elapsed_s=self._elapsed_s(),
            )
            for sight in self._sights
        )
        self._account.enter(_hindmost(all_seen).phase, now_s)
        for seen in all_seen:
            self._tell(seen)
        if now_s - self._logged_s >= _LOG_INTERVAL_S:
            self._logged_s = now_s
            for seen in all_seen:
                LOG.info(
                    'Image %s to store %s: %s', seen.image_id, seen.store, seen
                )
        return all_seen

    def _elapsed_s(self) -> float:
        return self._account.elapsed_s(self._clock.now_s())

    def _check_time(self, all_seen: tuple[Progress, ...]) -> None:
        """Give up when the copy takes too long, or shows no sign of life."""
        now_s = self._clock.now_s()
        seen = _hindmost(all_seen)
        self._deadline.note(seen.behind, now_s)
        if self._deadline.left_s(now_s) <= 0:
            self._learn_of_lock()
            raise messages.timed_out(
                seen, self._limits.timeout_s, self._image.lock, self._task
            )
        if not self._is_stalled(all_seen):
            return
        # The last sign that there can be costs a request of its own.
        self._learn_of_lock()
        if self._lock_expired():
            return
        if self._is_stalled(all_seen):
            raise messages.stalled(
                seen,
                self._limits.stall_timeout_s,
                self._image.lock,
                self._task,
            )

    def _is_stalled(self, all_seen: tuple[Progress, ...]) -> bool:
        signs_of_life = (
            self._account.attempts,
            tuple((seen.phase, seen.written_bytes) for seen in all_seen),
            self._image.lock,
            self._image.importing,
            self._task.updated_at if self._task else None,
        )
        return self._stall.is_stalled(
            self._clock.now_s(), signs_of_life, _unseen_bytes(all_seen)
        )

    def _learn_of_lock(self) -> None:
        """Ask who holds the lock; keep what is known where none answers."""
        self._lock_asked_about = self._image.lock
        task = self._images.lock_task(self._image)
        known = self._task is not None and self._task.id == self._image.lock
        if task is not None or not known:
            self._task = task

    def _lock_expired(self) -> bool:
        task = self._task
        return (
            task is not None
            and task.id == self._image.lock
            and self._clock.utc() >= task.lock_ends_at
        )


def _hindmost(all_seen: tuple[Progress, ...]) -> Progress:
    """Return the one that the others wait for, as far as can be told."""
    return next(
        (seen for seen in all_seen if seen.phase is not Phase.DONE),
        all_seen[-1],
    )


def _unseen_bytes(all_seen: tuple[Progress, ...]) -> int:
    """Return the bytes of the image while nobody can see them move."""
    seen = _hindmost(all_seen)
    unseen = seen.phase in (Phase.STAGING, Phase.COPYING)
    return seen.total_bytes if unseen else 0
