# SPDX-License-Identifier: Apache-2.0
"""Runs these tests with each release of Nova that is supported.

``python -m tests.functional.nova_backend.releases [RELEASE...] [-- ARGS...]``

Each release has an environment of its own, ``.lab/nova-RELEASE``, which is
made where it is missing and brought up to date where it is not. What follows
``--`` goes to pytest. Needs the lab's environment (``make lab-env``).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: Nova 34 first: what it finds is seen soonest.
RELEASES = ('34', '33', '32')

ROOT = Path(__file__).parents[3]
TESTS = Path(__file__).parent.relative_to(ROOT)


def environment(release: str) -> Path:
    """Make the environment of a release; return its interpreter."""
    home = ROOT / '.lab' / f'nova-{release}'
    python = home / 'bin' / 'python'
    if not python.exists():
        # On the interpreter that has the bindings of Ceph and libvirt.
        run(sys.executable, '-m', 'venv', '--system-site-packages', home)
    run(
        python, '-m', 'pip', 'install', '-q', '-e', '.[test]',
        '-r', 'tests/lab/requirements.txt', f'nova=={release}.*',
        '-c', constraints(home),
    )  # fmt: skip
    return python


def constraints(home: Path) -> Path:
    """Write the lab's constraints, without the one for Nova's release."""
    lines = (ROOT / 'tests/lab/constraints.txt').read_text().splitlines()
    path = home / 'constraints.txt'
    path.write_text('\n'.join(x for x in lines if not x.startswith('nova=')))
    return path


def run(*words: str | Path) -> None:
    subprocess.run(words, cwd=ROOT, check=True)


def is_passed(release: str, arguments: Sequence[str]) -> bool:
    """Run the tests with a release; tell whether all of them passed."""
    print(f'Nova {release}', flush=True)
    done = subprocess.run(
        [environment(release), '-m', 'pytest', '-q', TESTS, *arguments],
        cwd=ROOT,
        check=False,
    )
    return done.returncode == 0


def main(words: Sequence[str]) -> int:
    """Return the exit status: 0 where every release passed."""
    given = list(words)
    split = given.index('--') if '--' in given else len(given)
    chosen, arguments = given[:split] or RELEASES, given[split + 1 :]
    outcome = {one: is_passed(one, arguments) for one in chosen}
    for release, passed in outcome.items():
        print(f'Nova {release}: {"passed" if passed else "FAILED"}')
    return 0 if all(outcome.values()) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
