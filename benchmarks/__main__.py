# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks [--large] [--json FILE] [PART ...]``, on a lab."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection
from pathlib import Path

from benchmarks import crowd, hit, listing, miss, report, stage, waiters
from benchmarks.measure import Say
from tests.lab import layout
from tests.lab.lab import Lab

PARTS = ('hit', 'miss', 'waiters')

# Only if it is asked for: making what is listed takes minutes.
MORE = ('list',)


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; 1: a goal was missed, 2: there is no lab."""
    options = _parser().parse_args(arguments)
    lab = Lab.of(layout.Layout.of_checkout())
    if not lab.running():
        print('error: the lab is not up, start it: make lab', file=sys.stderr)
        return 2
    begun = time.monotonic()

    def say(step: str) -> None:
        elapsed_s = time.monotonic() - begun
        print(f'{elapsed_s:5.0f} s  {step}', file=sys.stderr, flush=True)

    _tidy(lab)
    results = _run(lab, options.parts or PARTS, options.large, say)
    say('done')
    print(report.text(results))
    if options.json:
        text = json.dumps(report.document(results), indent=1)
        options.json.write_text(text + '\n')
    met = all(goal.met for goal in results.goals)
    return 0 if met or options.no_goals else 1


def _run(
    lab: Lab, parts: Collection[str], large: bool, say: Say
) -> report.Results:
    sizes_mib = (64, 256, 1024) if large else (64, 256)
    return report.Results(
        hit.run(lab, hit.Plan(), say) if 'hit' in parts else None,
        miss.run(lab, miss.Plan(sizes_mib), say) if 'miss' in parts else None,
        waiters.run(lab, waiters.Plan(), say) if 'waiters' in parts else None,
        listing.run(lab, listing.Plan(), say) if 'list' in parts else None,
    )


def _tidy(lab: Lab) -> None:
    """Remove what a killed run has left: an image after its clones."""
    crowd.remove(lab)
    with stage.sweeper(lab, stage.place()):
        stage.remove_images(stage.glance_as_admin(lab))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='benchmarks', description=__doc__)
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the figures there'
    )
    parser.add_argument(
        '--no-goals',
        action='store_true',
        help='end with 0 even when a goal was missed',
    )
    parser.add_argument(
        '--large',
        action='store_true',
        help='copy an image of 1 GiB too, which takes another minute',
    )
    parser.add_argument(
        'parts',
        nargs='*',
        # An empty list is what argparse checks when none is given.
        choices=[*PARTS, *MORE, []],
        metavar='PART',
        help=f'{", ".join(PARTS)} (default: all of them); {", ".join(MORE)}',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
