# SPDX-License-Identifier: Apache-2.0
"""How the program behaves: exit status, streams, formats, progress."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from oslo_utils import units

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import PROGRAM, Outcome, Program
from tests.functional.main_job.uploads import Uploaded, Uploads

ESCAPE = '\x1b['
BAR = '━'


# -- usage --------------------------------------------------------------------


@pytest.mark.parametrize(
    'words',
    [
        ('volume', 'create'),
        ('volume', 'create', 'it'),
        ('volume', 'create', 'it', '--size', '0'),
        ('volume', 'create', 'it', '--size', '1.5'),
        ('volume', 'resize', 'it'),
        ('volume', 'list', '--no-such-option'),
        ('volume', 'list', '-f', 'nonsense'),
        ('volume', 'explode'),
        ('--no-such-option',),
    ],
    ids=' '.join,
)
def test_wrong_usage(demo: Program, words: tuple[str, ...]) -> None:
    outcome = demo.run(*words)
    assert outcome.status == 2
    # cliff says on stdout which commands it has, where it knows none such.
    said = outcome.stdout + outcome.stderr
    assert said
    assert 'Traceback' not in said


@pytest.mark.parametrize('words', [(), ('volume', 'create'), ('image',)])
def test_help_needs_no_configuration(
    demo: Program, words: tuple[str, ...]
) -> None:
    outcome = demo.with_conf(Path('/none')).run(*words, '--help')
    assert outcome.status == 0
    assert 'volume create' in outcome.stdout or 'image' in outcome.stdout


def test_version() -> None:
    done = subprocess.run(
        [str(PROGRAM), '--version'], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith('rbd-multistore ')


# -- errors -------------------------------------------------------------------


def test_traceback_only_with_debug(demo: Program, name: str) -> None:
    plain = demo.run('volume', 'show', name)
    debug = demo.run('--debug', 'volume', 'show', name)
    assert (plain.status, debug.status) == (1, 1)
    assert name in plain.error
    assert 'Traceback' not in plain.stderr
    assert 'Traceback' in debug.stderr


def test_error_is_told_when_quiet(demo: Program, name: str) -> None:
    assert name in demo.refused('-q', 'volume', 'show', name)


def test_missing_config_file(demo: Program, tmp_path: Path) -> None:
    missing = tmp_path / 'none.conf'
    error = demo.with_conf(missing).refused('volume', 'list')
    assert str(missing) in error


def test_config_file_that_is_none(demo: Program, tmp_path: Path) -> None:
    broken = tmp_path / 'broken.conf'
    broken.write_text('this is no config file\n')
    error = demo.with_conf(broken).refused('volume', 'list')
    assert str(broken) in error


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('copy_poll_interval', 'soon'),
        ('copy_timeout', '-1'),
        ('ceph_timeout', '0'),
        ('auth_type', 'nonsense'),
    ],
)
def test_value_that_no_option_takes(
    demo_with: Callable[..., Program],
    central: Uploaded,
    name: str,
    option: str,
    value: str,
) -> None:
    demo = demo_with(**{option: value})
    error = demo.refused('volume', 'create', name, '--image', central.id)
    assert option in error or value in error


# -- formats ------------------------------------------------------------------


def test_each_format_of_a_list(demo: Program, name: str) -> None:
    demo.done('volume', 'create', name, '--size', '1')

    def listed(*words: str) -> str:
        outcome = demo.run('volume', 'list', *words)
        assert (outcome.status, outcome.stderr) == (0, '')
        return outcome.stdout

    row = {'name': name, 'size': units.Gi, 'parent': '', 'image': ''}
    assert row in json.loads(listed('-f', 'json'))
    assert f'{name} {units.Gi}  ' in listed('-f', 'value').splitlines()
    assert name in listed('-f', 'value', '-c', 'name').splitlines()
    assert row in yaml.safe_load(listed('-f', 'yaml'))
    assert f'| {name} ' in listed('-f', 'table')
    assert f'| {name} ' in listed()


# -- progress -----------------------------------------------------------------


def copied(outcome: Outcome) -> bool:
    assert outcome.status == 0, outcome
    return bool(outcome.json['copied'])


def test_copy_on_pipes(demo: Program, upload: Uploads, name: str) -> None:
    """Plain lines on stderr, and nothing but JSON on stdout."""
    image = upload()
    outcome = demo.run(
        'volume', 'create', name, '--image', image.id, '-f', 'json'
    )
    assert copied(outcome)
    lines = outcome.stderr.splitlines()
    assert lines
    for line in lines:
        assert f'image {image.id} (8 MiB) to store site_a: ' in line
    assert ': done, ' in lines[-1]
    assert ESCAPE not in outcome.stderr


def test_copy_on_a_terminal(demo: Program, upload: Uploads, name: str) -> None:
    """A bar on stderr, and nothing but JSON on stdout."""
    image = upload()
    outcome = demo.on_terminal(
        'volume', 'create', name, '--image', image.id, '-f', 'json'
    )
    assert copied(outcome)
    assert ESCAPE in outcome.stderr
    assert BAR in outcome.stderr
    assert image.id[:8] in outcome.stderr


def test_quiet_copy(demo: Program, upload: Uploads, name: str) -> None:
    image = upload()
    outcome = demo.run(
        '-q', 'volume', 'create', name, '--image', image.id, '-f', 'json'
    )
    assert copied(outcome)
    assert outcome.stderr == ''


def test_quiet_copy_on_a_terminal(
    demo: Program, upload: Uploads, name: str
) -> None:
    image = upload()
    outcome = demo.on_terminal(
        '-q', 'volume', 'create', name, '--image', image.id, '-f', 'json'
    )
    assert copied(outcome)
    assert outcome.stderr == ''


def test_hit_says_nothing_but_its_result(
    demo: Program, cached: Uploaded, name: str
) -> None:
    outcome = demo.run(
        'volume', 'create', name, '--image', cached.id, '-f', 'json'
    )
    assert not copied(outcome)
    assert outcome.stderr == ''


# -- whose credentials --------------------------------------------------------


def test_service_credentials_alone(
    demo: Program, upload: Uploads, disks_a: Disks, name: str
) -> None:
    """Without OS_* the config file's are the caller's."""
    image = upload()
    nobody = demo.as_somebody({})
    made = nobody.done('volume', 'create', name, '--image', image.id)
    assert made['copied'] is True
    assert disks_a.read(name) == image.data


def test_clouds_yaml(
    demo: Program,
    demo_environ: dict[str, str],
    cached: Uploaded,
    name: str,
    tmp_path: Path,
) -> None:
    auth = {
        variable.removeprefix('OS_').lower(): value
        for variable, value in demo_environ.items()
        if variable not in ('OS_AUTH_TYPE', 'OS_REGION_NAME')
    }
    region = demo_environ['OS_REGION_NAME']
    clouds = tmp_path / 'clouds.yaml'
    # JSON is YAML.
    clouds.write_text(
        json.dumps({'clouds': {'lab': {'auth': auth, 'region_name': region}}})
    )
    somebody = demo.as_somebody(
        {'OS_CLOUD': 'lab', 'OS_CLIENT_CONFIG_FILE': str(clouds)}
    )
    made = somebody.done('volume', 'create', name, '--image', cached.name)
    assert made['copied'] is False
