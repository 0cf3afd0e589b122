# SPDX-License-Identifier: Apache-2.0
"""A clock and a Glance of our own, for what is decided and waited for.

The Glance here only plays back what a test puts in; how a real one behaves
is in ``tests/unit/recorded`` and in the functional tests.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection

from rbd_multistore.ceph.uploads import Upload
from rbd_multistore.copying.account import Account
from rbd_multistore.copying.lead import Lead, Limits, Time
from rbd_multistore.copying.pace import Deadline
from rbd_multistore.copying.progress import Progress
from rbd_multistore.copying.sight import Sight
from rbd_multistore.glance.image import Image, Task

EPOCH = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)

IMAGE = Image(
    id='6eff729b-851e-433e-a569-51f13bbfd7a1',
    name='debian',
    status='active',
    disk_format='raw',
    size_bytes=64 << 20,
    virtual_size_bytes=64 << 20,
    min_disk_gib=0,
    stores=frozenset({'central'}),
    importing=frozenset(),
    failed=frozenset(),
    lock='',
    locations=None,
)


def image(
    stores: Collection[str] = ('central',),
    importing: Collection[str] = (),
    failed: Collection[str] = (),
    lock: str = '',
) -> Image:
    """Return the image with what matters to a copy."""
    return dataclasses.replace(
        IMAGE,
        stores=frozenset(stores),
        importing=frozenset(importing),
        failed=frozenset(failed),
        lock=lock,
    )


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self.slept_s.append(seconds)
        self.now_s += seconds

    def time(self) -> Time:
        """Return it as the library takes it."""
        return Time(
            now_s=lambda: self.now_s,
            utc=lambda: EPOCH + datetime.timedelta(seconds=self.now_s),
            sleep=self.sleep,
            dice=lambda: 0.5,
        )


class Playback:
    """An image service that shows the image as a function of time."""

    def __init__(
        self,
        clock: Clock,
        shows: Callable[[float], Image],
        answers: Collection[Exception | None] = (),
        tasks: Callable[[float], Task | None] = lambda now_s: None,
        has_service_credentials: bool = True,
    ):
        """Show *shows(now)*; answer requests by *answers*, then yes."""
        self._clock = clock
        self._shows = shows
        self._answers = list(answers)
        self._tasks = tasks
        self.has_service_credentials = has_service_credentials
        self.asked: list[tuple[float, frozenset[str]]] = []
        self.looked_s: list[float] = []

    def image_again(self, seen: Image) -> Image:
        self.looked_s.append(self._clock.now_s)
        return self._shows(self._clock.now_s)

    image = image_again

    def lock_task(self, seen: Image) -> Task | None:
        return self._tasks(self._clock.now_s)

    def copy_image(self, seen: Image, stores: Collection[str]) -> None:
        self.asked.append((self._clock.now_s, frozenset(stores)))
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer


class Pool:
    """A store's pool that shows an upload as a function of time."""

    def __init__(self, clock: Clock, shows: Callable[[float], Upload | None]):
        self._clock = clock
        self._shows = shows

    def look(self, image_id: str) -> Upload | None:
        return self._shows(self._clock.now_s)


def upload(written_bytes: int | None, *snapshots: str) -> Upload:
    """Return an upload of the image, as far as it was written."""
    return Upload(
        size_bytes=IMAGE.size_bytes,
        written_bytes=written_bytes,
        snapshots=frozenset(snapshots),
        watchers=frozenset(),
    )


def stages(*changes: tuple[float, Image]) -> Callable[[float], Image]:
    """Return a function of time that steps through *changes*."""

    def shows(now_s: float) -> Image:
        return [seen for since_s, seen in changes if since_s <= now_s][-1]

    return shows


class Case:
    """One copy to follow, with everything about it at hand."""

    def __init__(
        self,
        glance: Playback,
        clock: Clock,
        uploads: Pool | None = None,
        limits: Limits | None = None,
        stores: Collection[str] = ('site_a',),
        in_the_way: Collection[str] = (),
    ):
        """Follow the copy to *stores*, of which site_a's pool is *uploads*.

        :param in_the_way: what is found at each failure, then nothing
        """
        self.glance = glance
        self.clock = clock
        self.told: list[Progress] = []
        self.cleared = 0
        self._in_the_way = list(in_the_way)
        self.account = Account(IMAGE, ','.join(stores), clock.now_s)
        self._lead = Lead(
            glance,
            glance._shows(0.0),
            [
                Sight(name, uploads if name == 'site_a' else None)
                for name in stores
            ],
            limits or Limits(),
            Deadline((limits or Limits()).timeout_s, clock.now_s),
            clock.time(),
            self.account,
            self._clear_the_way,
            self.told.append,
        )

    def run(self) -> Image:
        """Follow it to its end."""
        return self._lead.run()

    def phases(self) -> list[str]:
        """Return the phases that were told of, each once in its place."""
        names = [seen.phase.value for seen in self.told]
        return [
            name
            for before, name in zip([None, *names], names, strict=False)
            if name != before
        ]

    def _clear_the_way(self, images: object, seen: Image) -> str:
        self.cleared += 1
        return self._in_the_way.pop(0) if self._in_the_way else ''
