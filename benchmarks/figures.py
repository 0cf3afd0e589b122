# SPDX-License-Identifier: Apache-2.0
"""What samples come to: medians, ratios, and goals that are met or not."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Samples

RESAMPLES = 1000


@dataclass(frozen=True)
class Latency:
    """How long one volume took, in milliseconds."""

    name: str
    volumes: int
    median_ms: float
    p90_ms: float


@dataclass(frozen=True)
class Rate:
    """Volumes a second; the median of some batches."""

    name: str
    threads: int
    a_second: float


@dataclass(frozen=True)
class Ratio:
    """One figure over another, both from the same run.

    :ivar low: with ``high``, where the ratio lies in 95 of 100 draws from
        the same samples (a bootstrap): how far this run can be trusted;
        ``None``: measured once
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Goal:
    """A ratio, and how much or how little it has to be; one is ``None``."""

    ratio: Ratio
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Tell whether the ratio is where it has to be."""
        if self.at_most is not None and self.ratio.value > self.at_most:
            return False
        return self.at_least is None or self.ratio.value >= self.at_least


def latencies(samples: Samples) -> tuple[Latency, ...]:
    """Return the latency of each contender."""
    return tuple(
        Latency(
            name,
            volumes=len(seconds),
            median_ms=statistics.median(seconds) * 1000,
            p90_ms=statistics.quantiles(seconds, n=10)[-1] * 1000,
        )
        for name, seconds in samples.items()
    )


def rates(samples: Samples, threads: int) -> tuple[Rate, ...]:
    """Return the rate of each contender."""
    return tuple(
        Rate(name, threads, statistics.median(batches))
        for name, batches in samples.items()
    )


def ratio(samples: Samples, over: str, under: str) -> Ratio:
    """Return how many times *under*'s time *over* took."""
    name = f'{over} / {under}'
    value = _of_medians(samples[over], samples[under])
    draws = random.Random(name)  # noqa: S311
    again = [
        _of_medians(
            draws.choices(samples[over], k=len(samples[over])),
            draws.choices(samples[under], k=len(samples[under])),
        )
        for _ in range(RESAMPLES)
    ]
    cuts = statistics.quantiles(again, n=40)
    return Ratio(name, value, low=cuts[0], high=cuts[-1])


def _of_medians(over: Sequence[float], under: Sequence[float]) -> float:
    return statistics.median(over) / statistics.median(under)
