# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore-status upgrade check``: the other face of ``check``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.main_job.program import PROGRAM, Program
from tests.functional.main_job.uploads import Uploaded
from tests.functional.operator.people import People
from tests.functional.operator.reports import (
    CLOUD,
    CLUSTER,
    STATUSES,
    Report,
)
from tests.lab.ceph import Cluster
from tests.lab.lab import Lab

STATUS_PROGRAM = PROGRAM.with_name('rbd-multistore-status')
DEADLINE_S = 120

Check = Callable[..., Report]
NothingLeft = Callable[[], AbstractContextManager[None]]


def _run(
    conf: Path, environ: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run it as a deployment tool does, on a site as *conf* has it."""
    kept = {k: v for k, v in os.environ.items() if k[:3] != 'OS_'}
    return subprocess.run(
        [
            *(STATUS_PROGRAM, '--config-file', conf),
            *('upgrade', 'check', *words),
        ],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def _told(program: Program) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return its exit status, and its rows by check."""
    done = _run(program.conf, program.environ, '--json')
    assert done.stderr == '', done
    rows = json.loads(done.stdout)['checks']
    assert done.returncode == max(row['result'] for row in rows)
    return done.returncode, {row['check']: row for row in rows}


def test_all_is_well(
    site_a: Cluster,
    operator: Program,
    cached: Uploaded,
    nothing_left: NothingLeft,
) -> None:
    with nothing_left():
        status, rows = _told(operator)
    assert status == 0
    assert tuple(rows) == (*CLUSTER, *CLOUD)
    assert rows['cluster']['details'] == site_a.fsid


def test_table_for_people(operator: Program, cached: Uploaded) -> None:
    done = _run(operator.conf, {})
    assert (done.returncode, done.stderr) == (0, '')
    assert '| Upgrade Check Results ' in done.stdout
    assert done.stdout.count('| Result: Success ') == len(CLUSTER + CLOUD)


@pytest.mark.parametrize(
    'changes',
    [
        {'glance_store_name': 'site_z'},
        {'libvirt_pool': 'no-such-pool'},
        {'without': ('glance_store_name',)},
        {'auth_url': 'http://127.0.0.1:1'},
        {'libvirt_uri': 'test+nonsense:///'},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_it_says_what_check_says(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    changes: dict[str, Any],
) -> None:
    """One rule, two faces."""
    program = operator_with(**changes)
    report = check(program)
    status, rows = _told(program)
    assert status == report.status > 0
    assert {name: row['result'] for name, row in rows.items()} == {
        name: STATUSES[row.result] for name, row in report.rows.items()
    }
    for name in report.bad():
        assert report[name].remedy in rows[name]['details']


def test_newcomer(people: People, operator: Program) -> None:
    """Nothing is to be seen, which is no more than a warning."""
    somebody = people('member')
    status, rows = _told(operator.as_somebody(somebody.environ))
    assert status == 1
    assert rows['locations']['result'] == 1


@pytest.mark.parametrize('text', [None, '[rbd_multistore]\nceph_timeout = x'])
def test_nothing_can_be_tried(
    lab: Lab, tmp_path: Path, text: str | None
) -> None:
    """It is no warning, which deployment tools would go on after."""
    conf = tmp_path / 'site.conf'
    if text is not None:
        conf.write_text(text)
    done = _run(conf, {})
    assert (done.returncode, done.stdout) == (255, '')
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: ')


@pytest.mark.parametrize('text', [None, '[rbd_multistore]\nceph_timeout = x'])
def test_check_that_cannot_be_tried_is_a_failure(
    operator: Program, tmp_path: Path, text: str | None
) -> None:
    conf = tmp_path / 'site.conf'
    if text is not None:
        conf.write_text(text)
    outcome = operator.with_conf(conf).run('check')
    assert (outcome.status, outcome.stdout) == (2, '')
    (line,) = outcome.stderr.splitlines()
    assert line.startswith('error: ')
