# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit import recorded
from tests.unit.cli.conftest import Run
from tests.unit.parts import POOL, Parts


def test_shows_the_pool_and_its_room(run: Run, parts: Parts) -> None:
    text = recorded.text('ceph-16/df.json').encode()
    parts.ceph.answers['df'] = (0, text, '')
    parts.volumes.create('one', 1 << 20)
    ended = run('pool', 'show', '-f', 'json')
    assert ended.status == 0
    shown = ended.document
    assert shown['pool'] == 'vms'
    assert shown['libvirt_pool'] == POOL
    assert shown['volumes'] == 1
    assert shown['available'] > 0
    assert shown['user'] == 'nova'


def test_define_needs_all_of_it(run: Run) -> None:
    ended = run('pool', 'define', 'vms-a', '--user', 'nova', '--pool', 'vms')
    assert ended.status == 2
    assert '--ceph-conf' in ended.err


def test_define_from_a_file_that_is_not_there(run: Run) -> None:
    ended = run(
        *('pool', 'define', 'vms-a', '--user', 'nova', '--pool', 'vms'),
        *('--ceph-conf', '/nonexistent/ceph.conf'),
    )
    assert ended.status == 1
    assert ended.err == 'error: There is no file /nonexistent/ceph.conf.\n'
