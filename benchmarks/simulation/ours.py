# SPDX-License-Identifier: Apache-2.0
"""A boot by the rules of rbd-multistore.

What to do next, when to look again and when to give up is decided by the
project's own code; the waiting around it follows
``rbd_multistore.copying.lead``, ``copier`` and ``sight`` in simulated time.
No copy fails or stalls here, so that what they do then is left out.
"""

from __future__ import annotations

import simpy

from benchmarks.simulation.glance import Answer, Doing, Record, World
from benchmarks.simulation.scenarios import Boot, End, Ours
from rbd_multistore.copying import machine
from rbd_multistore.copying.machine import Request, Step
from rbd_multistore.copying.pace import Deadline, Pace, cluster_pause_s
from rbd_multistore.glance.image import Image

# Seconds after which the lock of an accepted request is visible everywhere.
_SETTLED_S = 5.0


class Computes:
    """The computes, with what each of them keeps in memory."""

    def __init__(self, world: World, rules: Ours):
        """Start with computes that have not booted anything yet."""
        self._world = world
        self._env = world.env
        self._glance = world.glance
        self._rules = rules
        self._flights: dict[tuple[int, int], Flight] = {}
        self._started: set[int] = set()

    def boot(self, boot: Boot) -> Doing[End]:
        """Boot one instance."""
        numbers, record = self._world.numbers, self._glance.records[boot.image]
        image = yield from self._glance.image(record)
        # A client of Glance's reads the schema once. The boots of a compute
        # differ in their tokens, so that each has a client of its own.
        yield from self._glance.get(numbers.schema_s)
        if not (yield from self._bring(boot, record, image)):
            return End.FAILED
        yield from self._glance.get(numbers.locations_s)
        return End.CLONED

    def _bring(self, boot: Boot, record: Record, image: Image) -> Doing[bool]:
        """Wait until the site has the image; ``False``: not in time."""
        deadline = Deadline(self._rules.timeout_s, self._env.now)
        while boot.store not in image.held_by:
            flight = self._flights.get((boot.compute, boot.image))
            if flight is None:
                return (yield from self._lead(boot, record, image, deadline))
            # Who follows came later, so that its time is not up before.
            yield flight.follow(deadline)
            image = yield from self._glance.image(record)
            is_late = deadline.left_s(self._env.now) <= 0
            if is_late and boot.store not in image.held_by:
                return False
        return True

    def _lead(
        self, boot: Boot, record: Record, image: Image, deadline: Deadline
    ) -> Doing[bool]:
        """Watch the copy for all who want it on this compute."""
        key = boot.compute, boot.image
        flight = self._flights[key] = Flight(self._env)
        if boot.compute not in self._started:
            self._started.add(boot.compute)
            numbers = self._world.numbers
            yield from self._glance.get(numbers.stores_s, numbers.detail_s)
        lead = Lead(
            self._world,
            self._rules,
            record,
            image,
            boot.store,
            flight,
            deadline,
        )
        arrived = yield from lead.run()
        del self._flights[key]
        flight.ended.succeed()
        return arrived


class Flight:
    """A copy that is watched, and the time that each who waits for it has.

    :ivar ended: comes when its leader stops
    """

    def __init__(self, env: simpy.Environment):
        """Begin with nobody who follows."""
        self.ended = env.event()
        self._env = env
        self._behind: str | None = None
        self._deadlines: list[Deadline] = []

    def follow(self, deadline: Deadline) -> simpy.Event:
        """Have *deadline* told what the leader sees, until the event."""
        if self._behind is not None:
            deadline.note(self._behind, self._env.now)
        self._deadlines.append(deadline)
        return self.ended

    def tell(self, behind: str) -> None:
        """Tell all which copies this one is queued behind."""
        self._behind = behind
        for deadline in self._deadlines:
            deadline.note(behind, self._env.now)


class Lead:
    """The watch of one copy, as ``rbd_multistore.copying.lead.Lead``."""

    def __init__(
        self,
        world: World,
        rules: Ours,
        record: Record,
        image: Image,
        store: str,
        flight: Flight,
        deadline: Deadline,
    ):
        """Watch the copy of an image to *store*.

        :param deadline: the time that the caller waits
        """
        self._env = world.env
        self._numbers = world.numbers
        self._glance = world.glance
        self._dice = world.dice.random
        self._record = record
        self._image = image
        self._store = store
        self._flight = flight
        self._pace = Pace(rules.interval_s, self._dice)
        self._request: Request | None = None
        self._requested_s = 0.0
        self._began_s = self._env.now
        self._seen_whole = False
        self._deadline = deadline
        flight.follow(deadline)

    def run(self) -> Doing[bool]:
        """Return whether the image arrived in time."""
        yield from self._learn_of_lock()
        while (step := self._step()) is not Step.DONE:
            if step is Step.ENDED:
                raise RuntimeError('no copy fails in this simulation')
            if step is Step.ASK:
                yield from self._ask()
            self._flight.tell(self._behind())
            if self._deadline.left_s(self._env.now) <= 0:
                yield from self._learn_of_lock()
                return False
            yield from self._wait()
            yield from self._look()
        return True

    def _step(self) -> Step:
        return machine.decide(
            self._image,
            frozenset({self._store}),
            self._request,
            settled=self._env.now - self._requested_s >= _SETTLED_S,
        ).step

    def _behind(self) -> str:
        """Say which copies come before ours, as ``sight.Sight`` does."""
        importing = self._image.importing
        others = ','.join(sorted(importing - {self._store}))
        queued = self._request is None and self._store not in importing
        begun = self._store in self._record.begun
        if queued or (others and not begun):
            return f'{self._image.lock} {others}'.strip()
        return ''

    def _ask(self) -> Doing[None]:
        before, stores = self._image, frozenset({self._store})
        answer = yield from self._glance.copy(self._record, stores)
        if answer is Answer.PRESENT:
            yield from self._look()
        elif answer is Answer.ACCEPTED:
            self._request = Request(accepted=True, before=before)
            self._requested_s = self._env.now
            self._pace.restart()

    def _look(self) -> Doing[None]:
        self._image = yield from self._glance.image(self._record)
        if self._request is not None:
            self._request = self._request.after(self._image)

    def _learn_of_lock(self) -> Doing[None]:
        if self._image.lock:
            yield from self._glance.get(self._numbers.tasks_s)

    def _wait(self) -> Doing[None]:
        """Wait until it is time to look, or our cluster shows the image."""
        now_s = self._env.now
        pause_s = min(self._pace.next_s(), self._deadline.left_s(now_s))
        if self._seen_whole:
            yield self._env.timeout(pause_s)
            return
        whole = self._record.whole[self._store]
        yield whole | self._env.timeout(pause_s)
        if whole.triggered:
            self._seen_whole = True
            self._pace.restart()
            # The looks at our cluster are not simulated one by one.
            look_s = cluster_pause_s(self._env.now - self._began_s)
            left_s = now_s + pause_s - self._env.now
            yield self._env.timeout(min(look_s * self._dice(), left_s))
