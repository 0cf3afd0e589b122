# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbd_multistore import exceptions
from rbd_multistore.checks import everything
from rbd_multistore.checks.result import Outcome, Result
from rbd_multistore.cli import opening, status
from tests.unit.cli.conftest import Ended, ended

# prettytable's, of what oslo.upgradecheck 2.8 uses of it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the 'ALL' constant is deprecated:DeprecationWarning"
)

UPGRADE_CHECK = ('upgrade', 'check')

Run = Callable[..., Ended]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / 'site.conf'
    path.write_text('[rbd_multistore]\nlibvirt_pool = p\n')
    return path


@pytest.fixture
def run(conf: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def go(*words: str) -> Ended:
        argv = ['--config-file', str(conf), *words]
        return ended(lambda: status.main(argv), capsys)

    return go


class Site:
    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def let(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """Let the checks come to these results."""

    def to(*results: Result) -> Site:
        site = Site()
        monkeypatch.setattr(opening, 'open_site', lambda conf, sleep: site)
        monkeypatch.setattr(everything, 'try_all', lambda parts: results)
        return site

    return to


def result(name: str, outcome: Outcome, remedy: str = '') -> Result:
    return Result(name, outcome, f'what {name} saw', remedy)


@pytest.mark.parametrize(
    ('outcomes', 'worst'),
    [
        ([Outcome.OK, Outcome.OK], 0),
        ([Outcome.OK, Outcome.WARNING], 1),
        ([Outcome.FAILURE, Outcome.WARNING], 2),
    ],
)
def test_exit_status(
    run: Run,
    let: Callable[..., Site],
    outcomes: list[Outcome],
    worst: int,
) -> None:
    site = let(*(result(str(n), it) for n, it in enumerate(outcomes)))
    assert run(*UPGRADE_CHECK).status == worst
    assert site.closed == 1


def test_table(run: Run, let: Callable[..., Site]) -> None:
    let(
        result('one', Outcome.OK),
        result('two', Outcome.FAILURE, 'Change it.'),
    )
    shown = ' '.join(run(*UPGRADE_CHECK).out.replace('|', ' ').split())
    assert 'Check: one Result: Success Details: what one saw' in shown
    assert (
        'Check: two Result: Failure Details: what two saw. Change it.' in shown
    )


def test_json(run: Run, let: Callable[..., Site]) -> None:
    let(
        result('one', Outcome.OK),
        Result('two', Outcome.WARNING, 'It ends.', 'Change it.'),
    )
    got = run(*UPGRADE_CHECK, '--json')
    assert json.loads(got.out)['checks'] == [
        {'check': 'one', 'result': 0, 'details': 'what one saw'},
        {'check': 'two', 'result': 1, 'details': 'It ends. Change it.'},
    ]
    assert got.err == ''


def not_tried(got: Ended) -> str:
    assert (got.status, got.out) == (255, '')
    [line] = got.err.splitlines()
    assert line.startswith('error: ')
    return line


@pytest.mark.parametrize(
    'text',
    ['[rbd_multistore]\nceph_timeout = soon\n', '[rbd_multistore\n', 'none\n'],
)
def test_bad_config_file(run: Run, conf: Path, text: str) -> None:
    conf.write_text(text)
    not_tried(run(*UPGRADE_CHECK))


def test_no_config_file(run: Run, conf: Path) -> None:
    conf.unlink()
    assert str(conf) in not_tried(run(*UPGRADE_CHECK))


@pytest.mark.parametrize('binding', ['rados', 'rbd', 'libvirt'])
def test_no_bindings(
    run: Run, monkeypatch: pytest.MonkeyPatch, binding: str
) -> None:
    """As on a machine where nothing of ours was imported before."""
    kept = ('rbd_multistore.cli', 'rbd_multistore.exceptions')
    for module in list(sys.modules):
        if module.startswith('rbd_multistore.') and not module.startswith(
            kept
        ):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, binding, None)
    line = not_tried(run(*UPGRADE_CHECK))
    assert f'install the system package python3-{binding} ' in line


def test_error_of_ours(
    run: Run, let: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = let()

    def fail(parts: Any) -> None:
        raise exceptions.ConfigError('it\ncannot')

    monkeypatch.setattr(everything, 'try_all', fail)
    assert not_tried(run(*UPGRADE_CHECK)) == 'error: it cannot'
    assert site.closed == 1


def test_error_of_nobody(
    run: Run, let: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    let()
    monkeypatch.setattr(everything, 'try_all', lambda parts: 1 / 0)
    got = run(*UPGRADE_CHECK)
    assert got.status == 255
    assert 'ZeroDivisionError' in got.out


@pytest.mark.parametrize('words', [(), ('upgrade',), ('frobnicate', 'check')])
def test_wrong_usage(run: Run, words: tuple[str, ...]) -> None:
    got = run(*words)
    assert got.status == 2
    assert 'usage:' in got.err


def test_version(run: Run) -> None:
    got = run('--version')
    assert got.status == 0
    assert got.out.strip()[0].isdigit()
