# SPDX-License-Identifier: Apache-2.0
"""What a stranger installs: from a checkout, from the wheel and from the
sdist, into virtual environments that have nothing else. No lab is needed."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.layout import CHECKOUT


def _setup_cfg() -> configparser.ConfigParser:
    read = configparser.ConfigParser()
    read.read(CHECKOUT / 'setup.cfg')
    return read


PROGRAMS = tuple(
    line.partition(' =')[0]
    for line in _setup_cfg()['options.entry_points'][
        'console_scripts'
    ].splitlines()
    if line
)
CONSTRAINTS = CHECKOUT / 'tests' / 'lab' / 'constraints.txt'
VERSION = _setup_cfg()['metadata']['version']
DEADLINE_S = 300

# What a run leaves in a checkout, or git keeps there.
LEFT = shutil.ignore_patterns(
    *('.git', '.lab', '.venv*', '*.egg-info', '__pycache__', '.*_cache'),
    *('.hypothesis', 'build', 'dist'),
)

pytestmark = pytest.mark.usefixtures('uv')


def _environ() -> dict[str, str]:
    """Return the environment, in which uv knows pip's index.

    Neither the caller's credentials nor its Python path count.
    """
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_', 'PYTHON', 'VIRTUAL_ENV'))
    }
    index = subprocess.run(
        [sys.executable, '-m', 'pip', 'config', 'get', 'global.index-url'],
        capture_output=True,
        text=True,
    ).stdout.strip()
    if index or 'PIP_INDEX_URL' in environ:
        environ['UV_DEFAULT_INDEX'] = index or environ['PIP_INDEX_URL']
    if 'PIP_CERT' in environ:
        environ['SSL_CERT_FILE'] = environ['PIP_CERT']
    return environ


def run(
    *words: str | Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        env=_environ() if environ is None else environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def done(*words: str | Path) -> str:
    """Run what must succeed; return what it prints."""
    outcome = run(*words)
    assert outcome.returncode == 0, outcome
    return outcome.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    path: Path

    def program(self, name: str) -> Path:
        return self.path / 'bin' / name

    def install(self, *what: str | Path) -> None:
        done(
            *(UV, 'pip', 'install', '-q'),
            *('--python', self.program('python'), '-c', CONSTRAINTS, *what),
        )


UV = Path(sys.executable).with_name('uv')


@pytest.fixture(scope='module')
def uv() -> None:
    """The quicker pip that bootstrap.sh installs."""
    if not UV.exists():
        done(sys.executable, '-m', 'pip', 'install', '-q', 'uv>=0.5')


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout."""
    path = tmp_path_factory.mktemp('clean') / 'checkout'
    return Path(shutil.copytree(CHECKOUT, path, ignore=LEFT))


@pytest.fixture(scope='module')
def files(source: Path) -> frozenset[str]:
    """What is in it, before anything is built there."""
    return frozenset(
        str(path.relative_to(source))
        for path in source.rglob('*')
        if path.is_file()
    )


@pytest.fixture(scope='module')
def built(
    uv: None,
    source: Path,
    files: frozenset[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The sdist, and the wheel that was made of it alone."""
    path = tmp_path_factory.mktemp('dist')
    done(UV, 'build', '-q', '--python', PYTHON, '-o', path, source)
    return path


# The one that has the bindings, which a virtual environment hides.
PYTHON = Path(sys.executable).resolve()


@pytest.fixture(scope='module')
def sdist(built: Path) -> Path:
    (found,) = built.glob('*.tar.gz')
    return found


@pytest.fixture(scope='module')
def wheel(built: Path) -> Path:
    (found,) = built.glob('*.whl')
    return found


def _environment(path: Path, *options: str) -> Environment:
    done(UV, 'venv', '-q', '--python', PYTHON, *options, path)
    return Environment(path)


@pytest.fixture(scope='module', params=['source', 'wheel', 'sdist'])
def installed(
    request: pytest.FixtureRequest,
    uv: None,
    files: frozenset[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """Installed in an environment that has no binding of Ceph or libvirt."""
    made = _environment(tmp_path_factory.mktemp('venv') / request.param)
    made.install(request.getfixturevalue(request.param))
    return made


@pytest.fixture(scope='module')
def from_wheel(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    made = _environment(tmp_path_factory.mktemp('venv') / 'docs')
    made.install(wheel, '-r', CHECKOUT / 'doc' / 'requirements.txt')
    return made


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Without a config file in the usual places below home."""
    return {**_environ(), 'HOME': str(tmp_path)}


def test_bindings_are_not_there(installed: Environment) -> None:
    """Or the tests below would mean little."""
    for binding in ('rados', 'rbd', 'libvirt'):
        outcome = run(installed.program('python'), '-c', f'import {binding}')
        assert 'ModuleNotFoundError' in outcome.stderr


def test_programs(installed: Environment) -> None:
    program = installed.program('rbd-multistore')
    assert done(program, '--version').strip() == f'rbd-multistore {VERSION}'
    assert done(program, '--help').startswith('usage: rbd-multistore ')
    for words in (('volume', 'create'), ('image', 'list'), ('check',)):
        shown = done(program, *words, '--help')
        assert shown.startswith(f'usage: rbd-multistore {" ".join(words)} ')
    status = installed.program('rbd-multistore-status')
    assert done(status, '--version').strip() == VERSION
    assert 'upgrade' in done(status, '--help')
    assert len(PROGRAMS) >= 3
    for name in PROGRAMS:
        assert os.access(installed.program(name), os.X_OK)


@pytest.mark.parametrize(
    ('words', 'status'),
    [
        (('rbd-multistore', 'volume', 'list'), 1),
        (('rbd-multistore', 'image', 'list'), 1),
        (('rbd-multistore', 'pool', 'show'), 1),
        (('rbd-multistore', 'check'), 2),
        (('rbd-multistore-status', 'upgrade', 'check'), 255),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, tuple) else None,
)
def test_what_to_install_is_said(
    installed: Environment,
    environ: dict[str, str],
    words: tuple[str, ...],
    status: int,
) -> None:
    name, *rest = words
    outcome = run(installed.program(name), *rest, environ=environ)
    assert (outcome.returncode, outcome.stdout) == (status, '')
    (line,) = outcome.stderr.splitlines()
    assert line.startswith('error: ')
    assert 'with apt (Debian) or dnf (RHEL)' in line
    for package in ('python3-rados', 'python3-rbd', 'python3-libvirt'):
        assert package in line


def test_samples_are_reachable(installed: Environment, source: Path) -> None:
    there = installed.path / 'share' / 'rbd-multistore'
    ours = source / 'etc' / 'rbd-multistore'
    names = {path.name for path in ours.iterdir()}
    assert {path.name for path in there.iterdir()} == names
    assert 'rbd-multistore.conf.sample' in names
    for name in names:
        assert (there / name).read_bytes() == (ours / name).read_bytes()


def test_completion(installed: Environment, tmp_path: Path) -> None:
    """bash offers the commands, and the options of one."""
    script = tmp_path / 'completion'
    script.write_text(done(installed.program('rbd-multistore'), 'complete'))
    assert _completed(script, 'volume', '') == {
        *('create', 'delete', 'flatten', 'list', 'resize', 'show', 'xml')
    }
    assert '--no-name-lookup' in _completed(script, 'volume', 'list', '--no')


def _completed(script: Path, *words: str) -> set[str]:
    """Return what bash offers for the last of *words*."""
    line = ' '.join(f"'{word}'" for word in ('rbd-multistore', *words))
    return set(
        done(
            'bash',
            '--norc',
            '-c',
            # As the package bash-completion does it.
            '_get_comp_words_by_ref() {'
            ' cur=${COMP_WORDS[COMP_CWORD]};'
            ' prev=${COMP_WORDS[COMP_CWORD-1]};'
            ' words=("${COMP_WORDS[@]}"); };'
            f' . "{script}"; COMP_WORDS=({line}); COMP_CWORD={len(words)};'
            ' _rbd_multistore; printf "%s\\n" "${COMPREPLY[@]}"',
        ).split()
    )


def test_with_bindings(
    wheel: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """As the page on installing says: it goes on to the configuration."""
    made = _environment(tmp_path / 'venv', '--system-site-packages')
    made.install(wheel)
    outcome = run(
        *(made.program('rbd-multistore'), 'volume', 'list'), environ=environ
    )
    assert outcome.returncode == 1
    (line,) = outcome.stderr.splitlines()
    assert line.startswith('error: No pool for the volumes: set libvirt_pool')


def test_sdist_is_all_of_the_checkout(
    sdist: Path, files: frozenset[str]
) -> None:
    with tarfile.open(sdist) as archive:
        there = {
            member.name.partition('/')[2]
            for member in archive.getmembers()
            if member.isfile()
        }
    assert files - there == set()
    for file in ('doc/source/conf.py', 'tests/lab/lab.py', 'stubs/rbd.pyi'):
        assert file in there


def test_wheel_is_the_package_alone(wheel: Path) -> None:
    names = done(sys.executable, '-m', 'zipfile', '-l', wheel).splitlines()[1:]
    tops = {name.split('/')[0] for name in names}
    assert tops == {
        'rbd_multistore',
        f'rbd_multistore-{VERSION}.data',
        f'rbd_multistore-{VERSION}.dist-info',
    }
    assert any(name.startswith('rbd_multistore/py.typed ') for name in names)


@pytest.mark.parametrize('form', ['html', 'man'])
def test_documentation_without_bindings(
    from_wheel: Environment, sdist: Path, tmp_path: Path, form: str
) -> None:
    """From the sdist, with the wheel installed, and no warning."""
    done('tar', '-xzf', sdist, '-C', tmp_path)
    (unpacked,) = tmp_path.iterdir()
    out = tmp_path / form
    done(
        *(from_wheel.program('python'), '-m', 'sphinx', '-q', '-W'),
        *('-b', form, unpacked / 'doc' / 'source', out),
    )
    wanted = {
        'html': ('index.html', 'cli/status.html'),
        'man': ('rbd-multistore.1', 'rbd-multistore-status.1'),
    }
    for name in wanted[form]:
        assert (out / name).stat().st_size > 1000
