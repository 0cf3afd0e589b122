# SPDX-License-Identifier: Apache-2.0
"""The hit path: the image is in the cluster, so that it can be cloned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import (
    cost,
    crowd,
    figures,
    floor,
    measure,
    ours,
    stage,
    upstream,
)
from benchmarks.contender import Contender, Task
from benchmarks.measure import Entry, Rounds, Say
from tests.lab.lab import Lab

FLOOR = 'floor'
OURS = 'ours'
OURS_GLANCE = 'ours and Glance'
NOVA = 'nova'
NOVA_GLANCE = 'nova and Glance'
CROWDED = ', crowded'


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    :ivar size_bytes: of each volume
    :ivar rounds: turns of each contender, one volume a turn
    :ivar nova_every: Nova, ten times as slow, has one turn in so many
    :ivar batches: turns of each contender at each number of threads
    :ivar batch_sizes: number of threads, and volumes in such a turn
    :ivar crowd: volumes in the crowded pool
    :ivar costed: volumes whose cost is counted
    """

    size_bytes: int = 20 * 1024**3
    rounds: Rounds = Rounds(most=80, limit_s=30, least=12)
    nova_every: int = 4
    batches: Rounds = Rounds(most=3, limit_s=12)
    batch_sizes: tuple[tuple[int, int], ...] = ((1, 8), (8, 24))
    crowd: int = 2000
    costed: int = 10


@dataclass(frozen=True)
class Race:
    """Every contender in one pool."""

    latencies: tuple[figures.Latency, ...]
    rates: tuple[figures.Rate, ...]
    costs: dict[str, cost.Cost]
    goals: tuple[figures.Goal, ...]


@dataclass(frozen=True)
class Crowded:
    """An empty and a crowded pool, in turns.

    :ivar volumes: what the crowded pool holds
    :ivar others: what the empty one holds: it is not for the bench alone
    """

    volumes: int
    others: int
    latencies: tuple[figures.Latency, ...]
    goals: tuple[figures.Goal, ...]


@dataclass(frozen=True)
class Result:
    """What the hit path came to."""

    plan: Plan
    race: Race
    crowded: Crowded

    @property
    def goals(self) -> tuple[figures.Goal, ...]:
        """Return the ratios, with those that have no limit."""
        return self.race.goals + self.crowded.goals


def run(lab: Lab, plan: Plan, say: Say) -> Result:
    """Measure the hit path."""
    say('putting an image into the store')
    with stage.image(lab, lab.paths.image, stage.SITE) as image:
        race = _race(lab, plan, image, say)
        crowded = _crowded(lab, plan, image, say)
    return Result(plan, race, crowded)


def _race(lab: Lab, plan: Plan, image: dict[str, Any], say: Say) -> Race:
    task = stage.task(image, stage.place(), plan.size_bytes)
    with (
        stage.sweeper(lab, task.place) as sweeper,
        _contenders(lab, task) as contenders,
    ):
        _warm_up(contenders, sweeper)
        say('all in turns, a volume each')
        samples = measure.seconds_each(
            [Entry(one, _every(one, plan)) for one in contenders],
            plan.rounds,
            sweeper.sweep,
        )
        return Race(
            figures.latencies(samples),
            tuple(_rates(_alone(contenders), plan, sweeper, say)),
            _costs(lab, contenders, plan, sweeper),
            goals=(
                figures.Goal(figures.ratio(samples, OURS, FLOOR), 1.3),
                figures.Goal(figures.ratio(samples, NOVA, OURS), at_least=7.0),
                figures.Goal(figures.ratio(samples, OURS_GLANCE, FLOOR)),
                figures.Goal(figures.ratio(samples, NOVA_GLANCE, OURS_GLANCE)),
            ),
        )


def _every(contender: Contender, plan: Plan) -> int:
    nova = contender.name in (NOVA, NOVA_GLANCE)
    return plan.nova_every if nova else 1


def _alone(contenders: list[Contender]) -> list[Contender]:
    """Return those who ask Glance nothing: with threads, the one process
    that is the lab's Glance would be what is measured."""
    asking = (OURS_GLANCE, NOVA_GLANCE)
    return [one for one in contenders if one.name not in asking]


def _rates(
    contenders: list[Contender],
    plan: Plan,
    sweeper: stage.Sweeper,
    say: Say,
) -> Iterator[figures.Rate]:
    for threads, batch in plan.batch_sizes:
        say(f'all in turns, {batch} volumes each, threads: {threads}')
        samples = measure.a_second(
            contenders, plan.batches, threads, batch, sweeper.sweep
        )
        yield from figures.rates(samples, threads)


def _costs(
    lab: Lab,
    contenders: list[Contender],
    plan: Plan,
    sweeper: stage.Sweeper,
) -> dict[str, cost.Cost]:
    with lab.clusters[stage.SITE].connect('admin') as admin:
        meter = cost.Meter(admin, lab.glance.service.log)
        return {
            one.name: meter.of(one, plan.costed, sweeper.sweep)
            for one in contenders
        }


def _crowded(lab: Lab, plan: Plan, image: dict[str, Any], say: Say) -> Crowded:
    say(f'filling a pool with {plan.crowd} volumes')
    with (
        crowd.crowd(lab, plan.crowd) as full,
        stage.sweeper(lab, stage.place(), full) as sweeper,
        contextlib.ExitStack() as stack,
    ):
        contenders: list[Contender] = []
        for place, suffix in ((stage.place(), ''), (full, CROWDED)):
            task = stage.task(image, place, plan.size_bytes)
            contenders += stack.enter_context(_fast(lab, task, suffix))
        _warm_up(contenders, sweeper)
        say('in turns, a volume each in both pools')
        samples = measure.seconds_each(
            [Entry(one) for one in contenders], plan.rounds, sweeper.sweep
        )
        return Crowded(
            sweeper.others(full),
            sweeper.others(stage.place()),
            figures.latencies(samples),
            goals=(
                figures.Goal(
                    figures.ratio(samples, OURS + CROWDED, OURS), 1.1
                ),
                figures.Goal(figures.ratio(samples, FLOOR + CROWDED, FLOOR)),
            ),
        )


@contextlib.contextmanager
def _contenders(lab: Lab, task: Task) -> Iterator[list[Contender]]:
    conf_file = lab.paths.site_conf(stage.SITE)
    site = lab.clusters[stage.SITE]
    with _fast(lab, task, '') as fast:
        yield [
            *fast,
            ours.with_glance(OURS_GLANCE, task, conf_file),
            upstream.without_glance(NOVA, task, site),
            upstream.with_glance(NOVA_GLANCE, task, lab, site),
        ]


@contextlib.contextmanager
def _fast(lab: Lab, task: Task, suffix: str) -> Iterator[list[Contender]]:
    conf_file = lab.paths.site_conf(stage.SITE)
    site = lab.clusters[stage.SITE]
    with floor.contender(FLOOR + suffix, task, site) as bare:
        yield [bare, ours.without_glance(OURS + suffix, task, conf_file)]


def _warm_up(contenders: list[Contender], sweeper: stage.Sweeper) -> None:
    """Let each connect, and see that all of them do the same work."""
    for contender in contenders:
        sweeper.check(contender)
    sweeper.sweep()
