# SPDX-License-Identifier: Apache-2.0
"""The house of DEVELOPERS.md: which room may import what."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import rbd_multistore

ROOT = Path(rbd_multistore.__file__).parent
PACKAGE = 'rbd_multistore'

# From the faces down to the ground: a room imports from those on lower
# floors alone. Rooms on one floor do not know each other.
FLOORS = (
    ('cli', 'nova'),
    ('site',),
    ('checks',),
    ('backend', 'repair', 'metrics'),
    ('cloneable', 'copying'),
    ('glance', 'ceph', 'virt'),
    ('opts',),
    ('exceptions',),
)
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}

# Which room a foreign library is for; the rest may be used anywhere.
OWNERS = {
    'rados': {'ceph'},
    'rbd': {'ceph'},
    'glanceclient': {'glance'},
    # opts.py registers keystoneauth1's own options.
    'keystoneauth1': {'glance', 'opts'},
    'openstack': {'glance'},
    'libvirt': {'virt'},
    'lxml': {'virt'},
    'cliff': {'cli'},
    'rich': {'cli'},
    'nova': {'nova'},
    'prometheus_client': {'metrics'},
    # Only opts.py describes options; the others are handed a ConfigOpts.
    'oslo_config': {'opts', 'site', 'cli', 'glance', 'nova'},
    'subprocess': set(),
    'pty': set(),
    'processutils': set(),
    'oslo_concurrency': set(),
}
PROGRAM_STARTERS = {
    'system',
    'popen',
    'fork',
    'execv',
    'execve',
    'posix_spawn',
}

MODULES = sorted(ROOT.rglob('*.py'))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix('.py')


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of each module, and of each name out of one."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            for alias in node.names:
                yield f'{node.module}.{alias.name}'


def rooms_imported(path: Path) -> Iterator[str]:
    for name in imported(path):
        parts = name.split('.')
        if parts[0] == PACKAGE and len(parts) > 1:
            yield parts[1]


def wrong_arrows(path: Path) -> list[str]:
    own = room(path)
    return [
        other
        for other in rooms_imported(path)
        if other != own and FLOOR[other] <= FLOOR[own]
    ]


def strangers(path: Path) -> list[str]:
    found = []
    for name in imported(path):
        library = name.split('.')[0]
        if room(path) not in OWNERS.get(library, {room(path)}):
            found.append(name)
    return found


def printing(path: Path) -> list[str]:
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Name) and node.id == 'print':
            found.append('print')
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in (
            'sys.stdout',
            'sys.stderr',
        ):
            found.append(ast.unparse(node))
    return found


def starting_programs(path: Path) -> list[str]:
    return [
        ast.unparse(node)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == 'os'
        and node.attr in PROGRAM_STARTERS
    ]


def test_the_house_is_looked_at() -> None:
    assert len(MODULES) > 20
    assert {room(path) for path in MODULES} - {'__init__'} <= set(FLOOR)


each_module = pytest.mark.parametrize(
    'path', MODULES, ids=lambda path: str(path.relative_to(ROOT))
)


@each_module
def test_arrows_run_one_way(path: Path) -> None:
    if room(path) != '__init__':
        assert wrong_arrows(path) == []


@each_module
def test_foreign_libraries_stay_in_their_rooms(path: Path) -> None:
    assert strangers(path) == []


@each_module
def test_only_the_command_line_prints(path: Path) -> None:
    if room(path) != 'cli':
        assert printing(path) == []


@each_module
def test_no_program_is_started(path: Path) -> None:
    assert starting_programs(path) == []


# The test itself.


@pytest.mark.parametrize(
    ('place', 'line', 'check'),
    [
        ('ceph/a.py', 'from rbd_multistore.glance import x', wrong_arrows),
        ('glance/a.py', 'import rbd_multistore.virt.pool', wrong_arrows),
        ('virt/a.py', 'from rbd_multistore import site', wrong_arrows),
        ('backend.py', 'from rbd_multistore.cli import x', wrong_arrows),
        ('backend.py', 'from rbd_multistore.site import Site', wrong_arrows),
        ('exceptions.py', 'from rbd_multistore import opts', wrong_arrows),
        ('cloneable.py', 'import rbd_multistore.copying', wrong_arrows),
        ('backend.py', 'import rados', strangers),
        ('backend.py', 'from rbd import Image', strangers),
        ('ceph/a.py', 'def f():\n    import libvirt', strangers),
        ('site.py', 'from keystoneauth1 import session', strangers),
        ('opts.py', 'from openstack import config', strangers),
        ('site.py', 'from cliff import app', strangers),
        ('cli/a.py', 'import subprocess', strangers),
        ('backend.py', 'print("x")', printing),
        ('ceph/a.py', 'import sys\nsys.stdout.write("x")', printing),
        ('ceph/a.py', 'import os\nos.system("x")', starting_programs),
    ],
)
def test_a_fault_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    line: str,
    check: object,
) -> None:
    monkeypatch.setattr(f'{__name__}.ROOT', tmp_path)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{line}\n')
    assert check(path) != []  # type: ignore[operator]
