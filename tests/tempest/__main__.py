# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.tempest [REGEX]``: Tempest against the lab with Nova.

Ends with 1 if a test failed, was skipped without standing in exclude.txt, or
left volumes behind.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.lab import layout
from tests.lab.lab import Lab
from tests.lab.nova.lab import NovaLab
from tests.tempest import conf, ground, result

HERE = Path(__file__).parent
PROGRAM = layout.CHECKOUT / '.venv-tempest' / 'bin' / 'tempest'


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if not PROGRAM.exists():
        say(f'error: there is no {PROGRAM}, make it: make tempest-env')
        return 2
    begun = time.monotonic()
    say('bringing the lab with Nova up, or putting right what is not')
    nova = NovaLab.of(Lab.of(layout.Layout.of_checkout())).up(say)
    with ground.ground(nova) as stage:
        say('deleting what a run that was killed has left')
        stage.sweep()
        before = stage.volumes()
        say('uploading two images to the central store')
        with stage.images() as images:
            home = _home(nova, images)
            results, status = _run(home, options)
            left = _left(before, stage.volumes())
            # A server that was left would hold its image.
            stage.sweep()
    say(f'{time.monotonic() - begun:.0f} s in all; log: {home}/tempest.log')
    return _judge(results, status, left)


def say(line: str) -> None:
    print(line, flush=True)


def _home(nova: NovaLab, images: conf.Images) -> Path:
    """Make an empty directory with a tempest.conf in it."""
    home = nova.lab.paths.root / 'tempest'
    shutil.rmtree(home, ignore_errors=True)
    layout.write(home / 'tempest.conf', conf.text(nova, images, home))
    return home


def _run(
    home: Path, options: argparse.Namespace
) -> tuple[list[result.Result], int]:
    """Run Tempest, and show what it prints; its results and exit status."""
    chosen = (
        ('--regex', options.regex)
        if options.regex
        else ('--include-list', str(HERE / 'include.txt'))
    )
    command = [
        *(str(PROGRAM), 'run', '--config-file', str(home / 'tempest.conf')),
        *('--concurrency', str(options.workers), *chosen),
        *('--exclude-list', str(HERE / 'exclude.txt')),
    ]
    say(f'running {" ".join(command)}')
    results = []
    with subprocess.Popen(
        command,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip())
            found = result.read(line)
            if found:
                results.append(found)
    return results, process.returncode


def _left(before: ground.Volumes, after: ground.Volumes) -> list[str]:
    return [
        f'{site}: {name}'
        for site, names in after.items()
        for name in sorted(names - before[site])
    ]


def _judge(results: list[result.Result], status: int, left: list[str]) -> int:
    """Say what it came to; the exit status."""
    for line in result.table(results):
        say(line)
    complaints = [
        *(f'failed: {r.test}' for r in result.of(results, result.FAILED)),
        *(
            f'skipped, and not in exclude.txt: {r.test}: {r.reason}'
            for r in result.of(results, result.SKIPPED)
        ),
        *(f'left behind: {volume}' for volume in left),
    ]
    if status:
        complaints.append(f'tempest ended with {status}')
    for complaint in complaints:
        say(complaint)
    return 1 if complaints else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='tempest', description=__doc__)
    parser.add_argument(
        '--workers',
        type=int,
        default=3,
        help='test classes at once (default: %(default)s)',
    )
    parser.add_argument(
        'regex',
        nargs='?',
        help='run those that match it, in place of include.txt',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
