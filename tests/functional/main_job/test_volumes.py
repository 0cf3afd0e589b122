# SPDX-License-Identifier: Apache-2.0
"""What is done with volumes once they are there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import rbd
from oslo_utils import units

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import SIZE_BYTES, Uploaded

NothingLeft = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def clone(demo: Program, cached: Uploaded, name: str) -> str:
    """Name of a clone of ``cached``."""
    demo.done('volume', 'create', name, '--image', cached.id)
    return name


def test_list(
    demo: Program,
    clone: str,
    cached: Uploaded,
    new_name: Callable[[], str],
    disks_a: Disks,
) -> None:
    flat = new_name()
    disks_a.make(flat, b'flat' * 1024)
    rows = {row['name']: row for row in demo.done('volume', 'list')}
    assert set(rows) == disks_a.names()
    assert rows[clone] == {
        'name': clone,
        'size': SIZE_BYTES,
        'parent': cached.parent,
        'image': cached.name,
    }
    assert rows[flat] == {
        'name': flat,
        'size': 4096,
        'parent': '',
        'image': '',
    }


def test_show(demo: Program, clone: str, cached: Uploaded) -> None:
    assert demo.done('volume', 'show', clone) == {
        'name': clone,
        'pool': 'vms',
        'size': SIZE_BYTES,
        'parent': cached.parent,
    }


def test_resize_up(
    demo: Program, clone: str, cached: Uploaded, disks_a: Disks
) -> None:
    shown = demo.done('volume', 'resize', clone, '--size', '2')
    assert shown['size'] == 2 * units.Gi
    assert shown['parent'] == cached.parent
    with disks_a.opened(clone) as disk:
        assert disk.size() == 2 * units.Gi
        assert disk.read(0, SIZE_BYTES) == cached.data


def test_resize_to_the_same(demo: Program, name: str) -> None:
    demo.done('volume', 'create', name, '--size', '1')
    shown = demo.done('volume', 'resize', name, '--size', '1')
    assert shown['size'] == units.Gi


def test_flatten(
    demo: Program, clone: str, cached: Uploaded, disks_a: Disks
) -> None:
    shown = demo.done('volume', 'flatten', clone)
    assert shown['parent'] == ''
    with disks_a.opened(clone) as disk, pytest.raises(rbd.ImageNotFound):
        disk.get_parent_image_spec()
    assert disks_a.read(clone) == cached.data
    assert demo.done('volume', 'flatten', clone) == shown


def test_delete(demo: Program, clone: str, disks_a: Disks) -> None:
    outcome = demo.run('volume', 'delete', clone)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, '', '')
    assert clone not in disks_a.names()
    assert clone not in disks_a.trashed()


def test_delete_to_the_trash(
    demo: Program, clone: str, cached: Uploaded, disks_a: Disks
) -> None:
    """It can be had back as it was."""
    outcome = demo.run('volume', 'delete', clone, '--trash')
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, '', '')
    assert clone not in disks_a.names()
    assert clone in disks_a.trashed()
    disks_a.restore(clone)
    assert demo.done('volume', 'show', clone)['parent'] == cached.parent
    assert disks_a.read(clone) == cached.data


def test_delete_with_a_snapshot(
    demo: Program, name: str, disks_a: Disks, nothing_left: NothingLeft
) -> None:
    disks_a.make(name, b'data' * 1024, snapshot='kept')
    with nothing_left():
        error = demo.refused('volume', 'delete', name)
    assert 'it has snapshots' in error
    assert disks_a.read(name, snapshot='kept') == b'data' * 1024


def test_delete_while_it_is_open(
    demo: Program, clone: str, cached: Uploaded, disks_a: Disks
) -> None:
    with disks_a.opened(clone, read_only=False) as disk:
        disk.write(b'mine', 0)
        error = demo.refused('volume', 'delete', clone)
        assert 'has it open' in error
        assert disk.read(0, SIZE_BYTES) == b'mine' + cached.data[4:]
    assert clone in disks_a.names()


@pytest.mark.parametrize(
    'words',
    [
        ('show',),
        ('resize', '--size', '1'),
        ('flatten',),
        ('delete',),
        ('delete', '--trash'),
        ('xml',),
    ],
)
def test_volume_that_is_not_there(
    demo: Program,
    name: str,
    nothing_left: NothingLeft,
    words: tuple[str, ...],
) -> None:
    verb, *options = words
    with nothing_left():
        error = demo.refused('volume', verb, name, *options)
    assert f'vms/{name}: no such RBD image' in error


def test_volume_of_the_other_site(
    demo: Program, demo_at_b: Program, name: str
) -> None:
    demo_at_b.done('volume', 'create', name, '--size', '1')
    assert 'no such RBD image' in demo.refused('volume', 'show', name)
