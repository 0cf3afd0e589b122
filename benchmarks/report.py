# SPDX-License-Identifier: Apache-2.0
"""The tables for people, the JSON for machines."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rbd

from benchmarks import figures, hit, listing, miss, upstream, waiters

WIDTH = 79

#: The columns of what a volume costs.
COST_WORDS = {
    'reads': 'OSD reads',
    'writes': 'OSD writes',
    'commits': 'commits',
    'connections': 'connections',
    'glance': 'to Glance',
    'osd_ms': 'OSD ms',
    'cpu_ms': 'CPU ms',
}

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Results:
    """What was measured; ``None``: left out."""

    hit: hit.Result | None = None
    miss: miss.Result | None = None
    waiters: waiters.Result | None = None
    listing: listing.Result | None = None

    @property
    def goals(self) -> tuple[figures.Goal, ...]:
        """Return the ratios, with those that have no limit."""
        parts = (self.hit, self.miss, self.waiters, self.listing)
        return tuple(goal for part in parts if part for goal in part.goals)


def document(results: Results) -> dict[str, Any]:
    """Return what there is to say, for JSON."""
    return {
        'versions': _versions(),
        **dataclasses.asdict(results),
        'goals': [
            {**dataclasses.asdict(goal), 'met': goal.met}
            for goal in results.goals
        ],
    }


def text(results: Results) -> str:
    """Return what there is to say, for people."""
    return '\n'.join(_lines(results))


def _lines(results: Results) -> Iterator[str]:
    yield ', '.join(f'{k} {v}' for k, v in _versions().items())
    if results.hit:
        yield from _hit_lines(results.hit)
    if results.miss:
        yield from _miss_lines(results.miss)
    if results.waiters:
        yield from _waiters_lines(results.waiters)
    if results.listing:
        yield from _listing_lines(results.listing)
    yield ''
    yield 'Ratios (in brackets: 95 % of what this run could have given)'
    yield from _table([_goal_row(goal) for goal in results.goals], 'lrll')


def _listing_lines(result: listing.Result) -> Iterator[str]:
    volumes = result.plan.volumes
    yield ''
    yield (
        f'List: a pool with {volumes} volumes; librbd opened '
        f'{result.plan.opened} of them'
    )
    yield from _table(
        [
            ['', 'ms a volume', 'seconds for all'],
            *(
                [
                    one.name,
                    f'{one.median_ms:.3f}',
                    f'{one.median_ms * volumes / 1000:.1f}',
                ]
                for one in result.latencies
            ),
        ]
    )


def _hit_lines(result: hit.Result) -> Iterator[str]:
    race, crowded = result.race, result.crowded
    yield ''
    yield f'Hit: clone, grow to {_gib(result.plan.size_bytes)}, disk XML'
    yield from _table(_speed_rows(race))
    yield ''
    yield 'What one volume costs, as the OSD and Glance count it'
    yield from _table(_cost_rows(race))
    yield ''
    yield from textwrap.wrap(_bound(race), WIDTH)
    yield ''
    yield (
        f'The same in a pool with {crowded.volumes} volumes, in turns with '
        f'one that holds {crowded.others}'
    )
    yield from _table(_latency_rows(crowded.latencies))


def _miss_lines(result: miss.Result) -> Iterator[str]:
    yield ''
    yield 'Miss: the image is copied first, each at its default settings'
    head = ['', 'MiB', 'seconds', 'Glance itself', 'requests']
    yield from _table(
        [
            head,
            *(
                [
                    one.name,
                    str(one.size_mib),
                    f'{one.seconds:.2f}',
                    f'{one.glance_s:.2f}',
                    str(one.requests),
                ]
                for one in result.trials
            ),
        ]
    )


def _waiters_lines(result: waiters.Result) -> Iterator[str]:
    yield ''
    yield (
        f'{result.plan.waiters} threads want one image of '
        f'{result.plan.size_mib} MiB that has to be copied'
    )
    head = ['', 'served', 'seconds', 'Glance itself', 'requests', 'errors']
    yield from _table(
        [
            head,
            *(
                [
                    one.name,
                    str(one.served),
                    f'{one.seconds:.2f}',
                    'lost' if one.glance_s is None else f'{one.glance_s:.2f}',
                    str(one.requests),
                    ', '.join(one.errors) or 'none',
                ]
                for one in result.outcomes
            ),
        ],
        'lrrrrl',
    )


def _speed_rows(race: hit.Race) -> Rows:
    threads = sorted({rate.threads for rate in race.rates})
    rates = {
        (rate.name, rate.threads): f'{rate.a_second:.1f}'
        for rate in race.rates
    }
    head, *rows = _latency_rows(race.latencies)
    words = [f'a second, {n} thread{"s" * (n > 1)}' for n in threads]
    return [
        [*head, *words],
        *(
            [*row, *(rates.get((row[0], n), '') for n in threads)]
            for row in rows
        ),
    ]


def _latency_rows(latencies: Sequence[figures.Latency]) -> Rows:
    return [
        ['', 'median ms', 'p90 ms', 'volumes'],
        *(
            [
                one.name,
                f'{one.median_ms:.1f}',
                f'{one.p90_ms:.1f}',
                str(one.volumes),
            ]
            for one in latencies
        ),
    ]


def _cost_rows(race: hit.Race) -> Rows:
    return [
        ['', *COST_WORDS.values()],
        *(
            [name, *(f'{getattr(cost, field):.1f}' for field in COST_WORDS)]
            for name, cost in race.costs.items()
        ),
    ]


def _bound(race: hit.Race) -> str:
    """Say what no client can go below."""
    (floor,) = (one for one in race.latencies if one.name == hit.FLOOR)
    cost = race.costs[hit.FLOOR]
    return (
        f'The bound: {cost.commits:.0f} commits and {cost.reads:.0f} reads '
        'of the OSD for one volume, nearly all one after the other. It worked '
        f'{cost.osd_ms:.1f} ms on them where that was counted; the median of '
        f'the floor is {floor.median_ms:.1f} ms.'
    )


def _goal_row(goal: figures.Goal) -> list[str]:
    ratio = goal.ratio
    spread = ''
    if ratio.low is not None and ratio.high is not None:
        spread = f'({ratio.low:.2f} to {ratio.high:.2f})'
    return [ratio.name, f'{ratio.value:.2f}', spread, _verdict(goal)]


def _verdict(goal: figures.Goal) -> str:
    if goal.at_most is not None:
        limit = f'at most {goal.at_most:g}'
    elif goal.at_least is not None:
        limit = f'at least {goal.at_least:g}'
    else:
        return ''
    return f'goal: {limit}, {"met" if goal.met else "MISSED"}'


def _table(rows: Rows, sides: str = '') -> Iterator[str]:
    """Lay out rows of equal length.

    :param sides: l or r for each column; empty: the first l, the others r
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = sides or 'l' + 'r' * (len(widths) - 1)
    for row in rows:
        cells = (
            cell.ljust(width) if side == 'l' else cell.rjust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        )
        yield ('  ' + '  '.join(cells)).rstrip()


def _versions() -> Mapping[str, Any]:
    return {
        'librbd': '.'.join(map(str, rbd.RBD().version())),
        'nova': upstream.VERSION,
        'processors': os.cpu_count(),
    }


def _gib(size_bytes: int) -> str:
    return f'{size_bytes / 1024**3:g} GiB'
