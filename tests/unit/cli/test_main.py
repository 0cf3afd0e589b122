# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from rbd_multistore import exceptions
from rbd_multistore.cli import main
from tests.unit.cli.conftest import Ended, Run, Site, ended


def one_error(err: str) -> str:
    """Return the one line on stderr, which is an error."""
    [line] = err.splitlines()
    assert line.startswith('error: ')
    assert 'Traceback' not in err
    return line


def test_success(run: Run) -> None:
    got = run('volume', 'list')
    assert got.status == 0
    assert got.err == ''


def test_error_of_ours(run: Run) -> None:
    got = run('volume', 'show', 'nowhere')
    assert got.status == 1
    assert got.out == ''
    assert 'nowhere' in one_error(got.err)


class Broken:
    """A site whose volumes raise."""

    def __init__(self, error: BaseException):
        self._error = error

    def close(self) -> None:
        """Nothing is open."""

    @property
    def volumes(self) -> Any:
        raise self._error


@pytest.fixture
def run_broken(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line on a site whose volumes raise."""

    def go(*argv: str, error: BaseException) -> Ended:
        def program() -> int:
            shell = main.Shell()
            shell.site = Broken(error)  # type: ignore[assignment]
            return shell.run(list(argv))

        return ended(program, capsys)

    return go


def test_error_of_several_lines_is_one(run_broken: Run) -> None:
    error = exceptions.CephError('first\n  second\n\nthird')
    got = run_broken('volume', 'list', error=error)
    assert got.status == 1
    assert one_error(got.err) == 'error: first second third'


def test_error_of_nobody_is_one_line_too(run_broken: Run) -> None:
    got = run_broken('volume', 'list', error=ZeroDivisionError('a bug'))
    assert got.status == 1
    assert one_error(got.err) == 'error: a bug'


def test_debug_shows_the_traceback(run_broken: Run) -> None:
    error = exceptions.CephError('in the test')
    got = run_broken('--debug', 'volume', 'list', error=error)
    assert got.status == 1
    assert 'Traceback' in got.err
    assert 'in the test' in got.err


def test_interruption(
    monkeypatch: pytest.MonkeyPatch, run_program: Run
) -> None:
    broken = Broken(KeyboardInterrupt())
    monkeypatch.setattr(main.Shell, 'site', broken)
    got = run_program('volume', 'list')
    assert got.status == 130
    assert 'interrupted' in one_error(got.err)


def test_reader_that_went_away(
    monkeypatch: pytest.MonkeyPatch, run_program: Run
) -> None:
    monkeypatch.setattr(main.Shell, 'site', Broken(BrokenPipeError()))
    got = run_program('volume', 'list')
    assert got.status != 0
    assert got.err == ''


@pytest.mark.parametrize(
    'argv',
    [
        ['frobnicate'],
        ['volume', 'frobnicate'],
        ['volume', 'show'],
        ['volume', 'show', 'a', 'b'],
        ['volume', 'list', '--frobnicate'],
        ['volume', 'list', '-f', 'frobnicate'],
        ['volume', 'create'],
        ['volume', 'create', 'v'],
        ['volume', 'create', 'v', '--size'],
        ['volume', 'resize', 'v'],
        ['image', 'show'],
    ],
    ids=' '.join,
)
def test_wrong_usage(run: Run, argv: list[str]) -> None:
    got = run(*argv)
    assert got.status == 2
    assert 'Traceback' not in got.out + got.err


@pytest.mark.parametrize('size', ['0', '-1', '1.5', 'ten', '', '²', '1G'])
def test_bad_size(run: Run, site: Site, size: str) -> None:
    got = run('volume', 'create', 'v', f'--size={size}')
    assert got.status == 2
    assert 'is not a whole number of GiB' in got.err
    assert site.volumes.names() == ()


def test_version(run: Run) -> None:
    got = run('--version')
    assert got.status == 0
    assert got.out.split()[-1][0].isdigit()


def test_help_needs_no_site(run_program: Run) -> None:
    for argv in (['--help'], ['volume', 'create', '--help']):
        got = run_program(*argv)
        assert got.status == 0
        assert 'volume' in got.out


def test_no_config_file(run_program: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / 'missing.conf')
    got = run_program('--config-file', missing, 'volume', 'list')
    assert got.status == 1
    assert missing in one_error(got.err)


def test_no_config_directory(run_program: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / 'missing')
    got = run_program('--config-dir', missing, 'volume', 'list')
    assert got.status == 1
    assert missing in one_error(got.err)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[rbd_multistore]\ncopy_timeout = soon\n', 'copy_timeout'),
        ('[rbd_multistore]\nceph_timeout = 0\n', 'ceph_timeout'),
        ('[rbd_multistore\n', 'site.conf'),
        ('no section\n', 'site.conf'),
        ('', 'libvirt_pool'),
    ],
)
def test_bad_config_file(
    run_program: Run, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / 'site.conf'
    path.write_text(text)
    got = run_program('--config-file', str(path), 'volume', 'list')
    assert got.status == 1
    assert said in one_error(got.err)


def test_later_config_files_win(run_program: Run, tmp_path: Path) -> None:
    for name, pool in (('a', 'first'), ('b', 'second')):
        (tmp_path / f'{name}.conf').write_text(
            f'[rbd_multistore]\nlibvirt_uri = test:///{pool}\n'
            'libvirt_pool = p\n'
        )
    files = [str(tmp_path / 'a.conf'), str(tmp_path / 'b.conf')]
    got = run_program(
        '--config-file', files[0], '--config-file', files[1], 'volume', 'list'
    )
    assert 'test:///second' in one_error(got.err)
    (tmp_path / 'd').mkdir()
    (tmp_path / 'b.conf').rename(tmp_path / 'd' / 'b.conf')
    got = run_program(
        '--config-file',
        files[0],
        '--config-dir',
        str(tmp_path / 'd'),
        'volume',
        'list',
    )
    assert 'test:///second' in one_error(got.err)


def test_no_bindings(
    run_program: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_librados(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == 'rbd_multistore.site':
            raise ModuleNotFoundError("No module named 'rados'", name='rados')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without_librados)
    got = run_program('volume', 'list')
    assert got.status == 1
    line = one_error(got.err)
    assert 'rados' in line
    assert 'python3-rbd' in line


class Talkative:
    """A site that logs at each level when it is used."""

    def __init__(self, site: Site):
        self._site = site

    def close(self) -> None:
        self._site.close()

    @property
    def volumes(self) -> Any:
        for level in ('debug', 'info', 'warning'):
            log = getattr(logging.getLogger('rbd_multistore.x'), level)
            log(f'some {level}\nof two lines')
        return self._site.volumes


@pytest.mark.parametrize(
    ('option', 'seen', 'unseen'),
    [
        (None, {'warning'}, {'debug'}),
        ('-vv', {'warning', 'info', 'debug'}, set()),
        ('-q', set(), {'info', 'debug'}),
    ],
)
def test_what_is_logged_is_lines(
    site: Site,
    capsys: pytest.CaptureFixture[str],
    option: str | None,
    seen: set[str],
    unseen: set[str],
) -> None:
    def program() -> int:
        shell = main.Shell()
        shell.site = Talkative(site)  # type: ignore[assignment]
        return shell.run(
            [*([option] if option else []), 'volume', 'list', '-f', 'json']
        )

    got = ended(program, capsys)
    lines = got.err.splitlines()
    assert got.document == []
    assert {f'{word}: some {word} of two lines' for word in seen} <= set(lines)
    assert not any(line.startswith(tuple(unseen)) for line in lines if unseen)


def test_program_is_what_setup_cfg_says() -> None:
    [script] = metadata.entry_points(
        group='console_scripts', name='rbd-multistore'
    )
    assert script.load() is main.main


def test_every_command_can_be_loaded_and_says_what_it_does() -> None:
    commands = metadata.entry_points(group='rbd_multistore.cli')
    assert {'volume_create', 'volume_xml', 'image_show'} <= set(commands.names)
    for command in commands:
        assert command.load().__doc__


@pytest.mark.parametrize('command', ['list', 'frobnicate'])
def test_connections_are_closed_at_the_end(
    run: Run, site: Site, command: str
) -> None:
    run('volume', command)
    assert site.is_closed


def test_no_command_is_wrong_usage(run_program: Run) -> None:
    ended = run_program()
    assert ended.status == 2
    assert 'no command' in ended.err
    assert ended.out == ''
