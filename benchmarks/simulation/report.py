# SPDX-License-Identifier: Apache-2.0
"""The tables, for people and for the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.simulation import assumptions
from benchmarks.simulation.assumptions import GIB, Assumptions
from benchmarks.simulation.outcome import Outcome
from benchmarks.simulation.scenarios import (
    CROWDS,
    VARIANTS,
    Crowd,
    End,
    Variant,
)

#: What each crowd came to under each set of rules, one for each seed.
Results = Mapping[tuple[Crowd, Variant], Sequence[Outcome]]

_COLUMNS: Mapping[str, Callable[[Outcome], float]] = {
    'cloned': lambda one: one.ends[End.CLONED],
    'flat': lambda one: one.ends[End.FLAT],
    'failed': lambda one: one.ends[End.FAILED],
    'half booted, s': lambda one: statistics.median(one.booted_s),
    'last booted, s': lambda one: max(one.booted_s),
    'requests': lambda one: sum(one.a_second),
    'peak': lambda one: max(one.a_second),
    '409s': lambda one: one.refused,
    'longest wait, s': lambda one: one.longest_s,
    'lock idle, s': lambda one: one.idle_s,
    'uplink, GiB': lambda one: one.uplink_bytes / GIB,
}


def rst(numbers: Assumptions, results: Results) -> str:
    """Return what there is to say, in reStructuredText."""
    return '\n'.join(_lines(numbers, results)) + '\n'


def _lines(numbers: Assumptions, results: Results) -> Iterator[str]:
    head = ['assumed', 'amount', 'from']
    yield '.. python -m benchmarks.simulation --rst wrote this file.'
    yield from _table('Assumptions', [head, *assumptions.rows(numbers)])
    for crowd in CROWDS:
        rows = [
            [variant.name, *_cells(results[crowd, variant])]
            for variant in VARIANTS
        ]
        yield from _table(crowd.name, [['rules', *_COLUMNS], *rows])


def _cells(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for value in _COLUMNS.values():
        yield _spread([value(one) for one in outcomes])


def _spread(values: Sequence[float]) -> str:
    """Return the median, and the extremes where they are 5 % apart."""
    low, high = min(values), max(values)
    middle = statistics.median(values)
    if high - low <= 0.05 * middle or _short(low) == _short(high):
        return _short(middle)
    return f'{_short(middle)} ({_short(low)}-{_short(high)})'


def _short(value: float) -> str:
    whole = value >= 10 or round(value, 1) == int(value)
    return f'{value:,.0f}' if whole else f'{value:.1f}'


def _table(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ['=' * width for width in widths]
    yield from ('', f'.. table:: {title}', '')
    for row in (rule, rows[0], rule, *rows[1:], rule):
        first, *others = (
            cell.rjust(width) for cell, width in zip(row, widths, strict=True)
        )
        name = first.strip().ljust(len(first))
        yield '   ' + '  '.join((name, *others))
