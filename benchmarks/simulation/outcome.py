# SPDX-License-Identifier: Apache-2.0
"""One run, and what it came to."""

from __future__ import annotations

import collections
import dataclasses
import random
import statistics
from collections.abc import Callable

import simpy

from benchmarks.simulation import ours, upstream
from benchmarks.simulation.assumptions import Assumptions
from benchmarks.simulation.glance import Doing, Glance, World
from benchmarks.simulation.scenarios import (
    Boot,
    Crowd,
    End,
    Nova,
    Placing,
    Variant,
)
from benchmarks.simulation.uplink import Uplink


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run came to. Times in seconds since the boots began.

    :ivar ends: what became of the boots, without those asked for again
    :ivar booted_s: when each boot that did not fail had booted, in order
    :ivar a_second: requests to Glance in each second
    :ivar refused: requests for a copy that Glance refused with 409
    :ivar longest_s: the longest wait for a worker of Glance's
    :ivar idle_s: mean time from the end of a lock to the next copy of the
        image; 0: there was no next copy
    :ivar uplink_bytes: bytes that left the central site
    """

    ends: collections.Counter[End]
    booted_s: tuple[float, ...]
    a_second: tuple[int, ...]
    refused: int
    longest_s: float
    idle_s: float
    uplink_bytes: int


def run(
    numbers: Assumptions, crowd: Crowd, variant: Variant, seed: int
) -> Outcome:
    """Simulate one crowd under one set of rules."""
    return _Run(numbers, crowd, variant, seed).outcome()


class _Run:
    def __init__(
        self, numbers: Assumptions, crowd: Crowd, variant: Variant, seed: int
    ):
        self._numbers = numbers
        self._variant = variant
        # The crowd is the same for all variants of a seed.
        self._boots = crowd.boots(numbers, random.Random(seed))  # noqa: S311
        self._dice = random.Random(seed + 1)  # noqa: S311 - no secret
        self._env = simpy.Environment()
        self._uplink = Uplink(
            self._env, numbers.uplink_bytes_s, numbers.stream_bytes_s
        )
        self._glance = Glance(self._env, numbers, self._uplink)
        self._boot = self._rules()
        self._ends: collections.Counter[End] = collections.Counter()
        self._booted_s: list[float] = []
        self._begin_s = 0.0

    def outcome(self) -> Outcome:
        if self._variant.placing is not Placing.NO:
            self._env.run(self._env.process(self._place()))
        if self._variant.placing is Placing.BEFOREHAND:
            self._env.run()
        self._begin_s = self._env.now
        boots = [self._env.process(self._until_ended(b)) for b in self._boots]
        self._env.run(self._env.all_of(boots))
        return self._summary()

    def _rules(self) -> Callable[[Boot], Doing[End]]:
        world = World(self._env, self._numbers, self._glance, self._dice)
        rules = self._variant.rules
        if isinstance(rules, Nova):
            return upstream.Computes(world, rules).boot
        return ours.Computes(world, rules).boot

    def _place(self) -> Doing[None]:
        """Ask for each image at several sites, with one request an image."""
        for number, record in enumerate(self._glance.records):
            yield from self._glance.copy(record, self._stores(number))

    def _stores(self, image: int) -> frozenset[str]:
        if self._variant.placing is Placing.WITH_THE_BOOTS:
            return frozenset(b.store for b in self._boots if b.image == image)
        return frozenset(f'site-{n}' for n in range(self._numbers.sites))

    def _until_ended(self, boot: Boot) -> Doing[None]:
        yield self._env.timeout(boot.at_s)
        end = yield from self._boot(boot)
        while end is End.FAILED and self._variant.retry_s is not None:
            wait_s = self._variant.retry_s * self._dice.uniform(0.5, 1.5)
            yield self._env.timeout(wait_s)
            end = yield from self._boot(self._elsewhere(boot))
        self._ends[end] += 1
        if end is not End.FAILED:
            self._booted_s.append(self._env.now - self._begin_s)

    def _elsewhere(self, boot: Boot) -> Boot:
        """Choose a compute of the same site."""
        here = self._numbers.computes
        first = boot.compute // here * here
        compute = first + self._dice.randrange(here)
        return dataclasses.replace(boot, compute=compute)

    def _summary(self) -> Outcome:
        glance = self._glance
        seconds = range(int(self._begin_s), int(self._env.now) + 1)
        return Outcome(
            ends=self._ends,
            booted_s=tuple(self._booted_s),
            a_second=tuple(glance.requests[second] for second in seconds),
            refused=glance.refused,
            longest_s=glance.longest_s,
            idle_s=statistics.fmean(glance.idle_s or [0.0]),
            uplink_bytes=self._uplink.carried_bytes,
        )
