# SPDX-License-Identifier: Apache-2.0
"""What the plugin uses of DevStack, as ``recorded.yaml`` has it.

``python -m tests.unit.devstack.recorded DEVSTACK CEPH`` holds that against
two checkouts, and prints what is not there any more.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).with_name('recorded.yaml')
RECORDED: dict[str, Any] = yaml.safe_load(PATH.read_text())

# How each kind is defined there.
PATTERNS = {
    'functions': r'^function {} ',
    'variables': r'\b{}\+?=',
    'overridden': r'^{}=\$\(trueorfalse ',
}

# As many as anybody would give where there is no limit.
MANY = 99


@dataclass(frozen=True)
class Function:
    """A function of DevStack's.

    :ivar least: the fewest arguments
    :ivar most: the most
    """

    name: str
    least: int
    most: int


def functions() -> list[Function]:
    """Return the functions that the plugin may call."""
    return [
        Function(name, facts['least'], facts.get('most', MANY))
        for name, facts in RECORDED['functions'].items()
    ]


Facts = dict[str, Any]
Text = Callable[[Facts], str]


def missing(checkouts: dict[str, Path]) -> Iterator[str]:
    """Return what is recorded and not in the checkouts, in words."""

    def text(facts: Facts) -> str:
        source = checkouts[facts.get('source', 'devstack')]
        return (source / facts['file']).read_text()

    for kind, pattern in PATTERNS.items():
        for name, facts in RECORDED[kind].items():
            if not re.search(pattern.format(name), text(facts), re.M):
                yield f'{name} of {kind} in {facts["file"]}'
    yield from _missing_lines(text)


def _missing_lines(text: Text) -> Iterator[str]:
    keystone = {
        f'$section {option} {value}': {'file': 'lib/keystone'}
        for option, value in RECORDED['keystoneauth'].items()
    }
    job = RECORDED['parent_job']
    lines: dict[str, Facts] = {
        RECORDED['nova_compute']: {'file': 'lib/nova'},
        f'async_runfunc {RECORDED["in_background"]}\n': {'file': 'stack.sh'},
        f'name: {job["name"]}\n': job,
        **keystone,
    }
    for line, facts in lines.items():
        if line not in text(facts).replace('"', ''):
            yield f'{line} in {facts["file"]}'


def main() -> int:
    """Print what is missing; return 1 if anything is."""
    devstack, ceph = map(Path, sys.argv[1:])
    gone = list(missing({'devstack': devstack, 'ceph': ceph}))
    for words in gone:
        print(f'not there: {words}')
    return 1 if gone else 0


if __name__ == '__main__':
    raise SystemExit(main())
