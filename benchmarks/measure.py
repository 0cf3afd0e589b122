# SPDX-License-Identifier: Apache-2.0
"""Taking turns, and the clock.

The machine's speed changes while it is measured, so no contender is measured
by itself: they take turns, one volume or one batch each, and the order
changes from round to round. What they made is removed between the rounds,
outside of the time that counts.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.contender import Contender

#: Removes everything that has been made.
Sweep = Callable[[], None]

#: Is told what is done now.
Say = Callable[[str], None]

#: What one contender was measured at, round by round.
Samples = dict[str, list[float]]

_T = TypeVar('_T')

PREFIX = 'rbd-multistore-bench-'
_numbers = itertools.count()


@dataclass(frozen=True)
class Entry:
    """A contender in a race.

    :ivar every: 1: it takes a turn in each round; 5: in each fifth
    """

    contender: Contender
    every: int = 1


@dataclass(frozen=True)
class Rounds:
    """How many rounds there are.

    :ivar most: rounds on a machine that has nothing else to do
    :ivar limit_s: seconds after which no further round begins
    :ivar least: rounds in any case
    """

    most: int
    limit_s: float
    least: int = 1

    def __iter__(self) -> Iterator[int]:
        """Count the rounds, from 0 on."""
        end_s = time.monotonic() + self.limit_s
        for number in range(self.most):
            if number >= self.least and time.monotonic() > end_s:
                return
            yield number


def seconds_each(
    entries: Sequence[Entry], rounds: Rounds, sweep: Sweep
) -> Samples:
    """Return the seconds that each volume took, one at a time."""
    samples: Samples = {entry.contender.name: [] for entry in entries}
    for number in rounds:
        for entry in _rotated(entries, number):
            if number % entry.every == 0:
                seconds = _timed(entry.contender, 1, 1)
                samples[entry.contender.name].append(seconds)
        sweep()
    return samples


def a_second(
    contenders: Sequence[Contender],
    rounds: Rounds,
    threads: int,
    batch: int,
    sweep: Sweep,
) -> Samples:
    """Return how many volumes a second each contender made, by batch.

    :param batch: volumes that are made in one turn, by all of the threads
    """
    samples: Samples = {contender.name: [] for contender in contenders}
    for number in rounds:
        for contender in _rotated(contenders, number):
            rate = batch / _timed(contender, batch, threads)
            samples[contender.name].append(rate)
            sweep()
    return samples


def volume_name() -> str:
    """Return a name that has not been used in this run."""
    return f'{PREFIX}{next(_numbers)}'


def _rotated(entries: Sequence[_T], number: int) -> Sequence[_T]:
    first = number % len(entries)
    return (*entries[first:], *entries[:first])


def _timed(contender: Contender, count: int, threads: int) -> float:
    names = [volume_name() for _ in range(count)]
    if threads == 1:
        begun = time.perf_counter()
        for name in names:
            contender.make(name)
        return time.perf_counter() - begun
    with ThreadPoolExecutor(threads) as pool:
        # The threads themselves are not what is measured.
        list(pool.map(time.sleep, [0.01] * threads))
        begun = time.perf_counter()
        list(pool.map(contender.make, names))
        return time.perf_counter() - begun
