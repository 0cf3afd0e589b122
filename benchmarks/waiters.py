# SPDX-License-Identifier: Apache-2.0
"""Many servers boot at once from an image that has to be copied first."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import figures, miss, upstream
from benchmarks.contender import Asking
from benchmarks.measure import Say, volume_name
from tests.lab import wait
from tests.lab.lab import Lab


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    :ivar waiters: threads of one process
    :ivar size_mib: of their image
    :ivar patience_s: Nova's timeout for a copy, in place of 600 s: it does
        not notice before that a copy was lost
    """

    waiters: int = 64
    size_mib: int = 64
    patience_s: int = 60


@dataclass(frozen=True)
class Outcome:
    """What became of the waiters.

    :ivar served: how many have their volume
    :ivar errors: the kinds of errors that the others got
    :ivar seconds: until the last of them was served or refused
    :ivar glance_s: what Glance itself took for the copy; ``None``: it
        never ended. Glance's task is lost when its database, SQLite here,
        refuses one of the many that write to it at once
    :ivar requests: to Glance, of all of them
    """

    name: str
    served: int
    errors: tuple[str, ...]
    seconds: float
    glance_s: float | None
    requests: int


@dataclass(frozen=True)
class Result:
    """What became of them."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    goals: tuple[figures.Goal, ...]


def run(lab: Lab, plan: Plan, say: Say) -> Result:
    """Let each contender's waiters want the same image at once."""
    say(f'{plan.waiters} waiters on one copy')
    upstream.limit_copy(plan.patience_s)
    with miss.elsewhere(lab, plan.size_mib) as image:
        outcomes = tuple(
            _outcome(contender, image, plan)
            for contender in miss.contenders(lab, image)
        )
    return Result(plan, outcomes, tuple(_goals(outcomes, plan)))


def _outcome(contender: Asking, image: miss.Elsewhere, plan: Plan) -> Outcome:
    contender.look()
    requests = image.requests()
    begun = time.perf_counter()
    with ThreadPoolExecutor(plan.waiters) as threads:
        asked = [
            threads.submit(contender.make, volume_name())
            for _ in range(plan.waiters)
        ]
    seconds = time.perf_counter() - begun
    requests = image.requests() - requests
    errors = [_error(one) for one in asked]
    glance_s = _copy_s(image)
    image.put_back()
    return Outcome(
        contender.name,
        served=errors.count(''),
        errors=tuple(sorted(set(errors) - {''})),
        seconds=seconds,
        glance_s=glance_s,
        requests=requests,
    )


def _copy_s(image: miss.Elsewhere) -> float | None:
    try:
        image.settle()
    except wait.TimedOut:
        return None
    return image.copy_s()


def _error(asked: Future[str]) -> str:
    error = asked.exception()
    return '' if error is None else type(error).__name__


def _goals(
    outcomes: tuple[Outcome, ...], plan: Plan
) -> tuple[figures.Goal, ...]:
    return tuple(
        figures.Goal(
            figures.Ratio(
                f'{one.name}: served of {plan.waiters} waiters',
                one.served / plan.waiters,
            ),
            at_least=1.0 if one.name == miss.OURS else None,
        )
        for one in outcomes
    )
