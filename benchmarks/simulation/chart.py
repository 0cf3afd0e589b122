# SPDX-License-Identifier: Apache-2.0
"""The first crowd as a picture."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.simulation.assumptions import GIB, Assumptions
from benchmarks.simulation.outcome import Outcome
from benchmarks.simulation.report import Results
from benchmarks.simulation.scenarios import CROWDS, SEEDS, VARIANTS, End

# Seconds that one point of a line stands for.
_STEP_S = 20

# Of the lines, in the order of the variants.
_RED, _BLUE, _GREEN = '#b2182b', '#2166ac', '#1b7837'
_STYLES = (
    (_RED, ':'),
    (_RED, '-'),
    (_RED, '--'),
    (_BLUE, '-'),
    (_GREEN, '-'),
    (_GREEN, ':'),
)
_RC = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'simulation',
    'font.size': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
}


def draw(numbers: Assumptions, results: Results, file: Path) -> None:
    """Write the picture to *file*, as SVG."""
    mpl.rcParams.update(_RC)
    figure = Figure(figsize=(8.5, 7.0))
    upper, lower = figure.subplots(2, sharex=True)
    figure.subplots_adjust(0.09, 0.07, 0.98, 0.95, hspace=0.08)
    for variant, style in zip(VARIANTS, _STYLES, strict=True):
        one = results[CROWDS[0], variant][0]
        label = f'{variant.name}: {_fate(one)}'
        _line(upper, _booted(one), one, style, label)
        _line(lower, _rate(one), one, style, label)
    _name(upper, lower, numbers)
    figure.savefig(file, format='svg', metadata={'Date': None})


def _line(
    axes: Axes,
    points: Sequence[float],
    one: Outcome,
    style: tuple[str, str],
    label: str,
) -> None:
    """Draw a line that ends in a cross where boots failed."""
    colour, dashes = style
    axes.plot(
        [number * _STEP_S / 60 for number in range(len(points))],
        points,
        color=colour,
        linestyle=dashes,
        marker='X' if one.ends[End.FAILED] else 'o',
        markevery=[-1],
        label=label,
    )


def _fate(one: Outcome) -> str:
    if one.ends[End.FAILED]:
        return f'{one.ends[End.FAILED]} failed'
    flat = one.ends[End.FLAT]
    return f'{flat} full copies' if flat else 'all clones'


def _booted(one: Outcome) -> Sequence[float]:
    """Return how many boots had booted, at each step."""
    steps = math.ceil(len(one.a_second) / _STEP_S) + 1
    return [
        bisect.bisect_right(one.booted_s, number * _STEP_S)
        for number in range(steps)
    ]


def _rate(one: Outcome) -> Sequence[float]:
    """Return the requests a second, as a mean of each step."""
    return [
        # A logarithmic axis has no nought.
        sum(one.a_second[begin : begin + _STEP_S]) / _STEP_S or math.nan
        for begin in range(0, len(one.a_second), _STEP_S)
    ]


def _name(upper: Axes, lower: Axes, numbers: Assumptions) -> None:
    upper.set_title(
        f'{CROWDS[0].name}, at {numbers.sites} sites, of {numbers.images} '
        f'images of {numbers.image_bytes / GIB:g} GiB; uplink '
        f'{numbers.uplink_bytes_s * 8 / 1e9:g} Gbit/s; seed {SEEDS[0]}',
        loc='left',
        fontsize=9,
    )
    upper.set_ylabel('instances that run')
    upper.legend(frameon=False, fontsize=8, loc='lower right')
    lower.set_yscale('log')
    lower.set_ylabel(f'requests a second at Glance, mean of {_STEP_S} s')
    lower.set_xlabel('minutes')
    lower.set_xlim(left=0)
