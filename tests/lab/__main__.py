# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab up|up-nova|down|status``."""

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.lab import layout, process, wait
from tests.lab.lab import Lab
from tests.lab.nova.lab import NovaLab

TAIL_LINES = 25


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='lab', description=__doc__)
    parser.add_argument('action', choices=list(ACTIONS))
    parser.add_argument(
        '--root',
        type=Path,
        default=layout.Layout.of_checkout().root,
        help='where it keeps its files (default: %(default)s)',
    )
    options = parser.parse_args(arguments)
    paths = layout.Layout(options.root.absolute())
    if options.action in ('down', 'status') and not paths.state.exists():
        print('there is no lab')
        return 0 if options.action == 'down' else 1
    try:
        return ACTIONS[options.action](Lab.of(paths))
    except Exception as exc:
        if not isinstance(exc, process.Failed | wait.TimedOut):
            traceback.print_exc()
        print(f'error: {exc}', file=sys.stderr)
        for log in logs_of(exc, paths):
            print_tail(log)
        return 1


def up(lab: Lab) -> int:
    begun = time.monotonic()
    lab.up(say)
    say(f'the lab is up after {time.monotonic() - begun:.1f} s')
    return 0


def up_nova(lab: Lab) -> int:
    begun = time.monotonic()
    NovaLab.of(lab).up(say)
    say(f'the lab with Nova is up after {time.monotonic() - begun:.1f} s')
    return 0


def down(lab: Lab) -> int:
    if lab.paths.nova.exists():
        NovaLab.of(lab).down(say)
    lab.down(say)
    return 0


def status(lab: Lab) -> int:
    """1 if some daemon does not run."""
    daemons = lab.daemons()
    if lab.paths.nova.exists():
        daemons += NovaLab.of(lab).daemons()
    for daemon in daemons:
        identity = daemon.identity()
        print(
            f'{daemon.name:<20}', identity.pid if identity else 'not running'
        )
    return 0 if all(daemon.running() for daemon in daemons) else 1


ACTIONS = {'up': up, 'up-nova': up_nova, 'down': down, 'status': status}


def say(line: str) -> None:
    print(line, flush=True)


def logs_of(exc: Exception, paths: layout.Layout) -> list[Path]:
    """The log that tells why, else those written to last."""
    log = getattr(exc, 'log', None)
    if log is not None:
        return [log]
    found = sorted(paths.logs.glob('*.log'), key=lambda p: p.stat().st_mtime)
    return found[-3:]


def print_tail(log: Path) -> None:
    try:
        lines = log.read_text(errors='replace').splitlines()
    except OSError:
        return
    print(f'--- the end of {log}', file=sys.stderr)
    for line in lines[-TAIL_LINES:]:
        print(line[:400], file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
