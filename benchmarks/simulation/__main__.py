# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks.simulation [--chart FILE] [--rst FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.simulation import outcome, report
from benchmarks.simulation.assumptions import Assumptions
from benchmarks.simulation.scenarios import CROWDS, SEEDS, VARIANTS


def main(arguments: list[str] | None = None) -> int:
    """Simulate, and print what it came to."""
    options = _parser().parse_args(arguments)
    numbers = Assumptions()
    results = {
        (crowd, variant): [
            outcome.run(numbers, crowd, variant, seed) for seed in SEEDS
        ]
        for crowd in CROWDS
        for variant in VARIANTS
    }
    tables = report.rst(numbers, results)
    print(tables)
    if options.rst:
        options.rst.write_text(tables)
    if options.chart:
        # It needs matplotlib, which the tables do not.
        from benchmarks.simulation import chart

        chart.draw(numbers, results, options.chart)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='benchmarks.simulation', description=__doc__
    )
    for name, words in (
        ('chart', 'draw a chart there, as SVG'),
        ('rst', 'write the tables there, for the documentation'),
    ):
        parser.add_argument(f'--{name}', type=Path, metavar='FILE', help=words)
    return parser


if __name__ == '__main__':
    sys.exit(main())
