# SPDX-License-Identifier: Apache-2.0
"""What the documentation says of the code, held against the code.

``make docs`` builds the pages; this needs no Sphinx.
"""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import inspect
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from oslo_config import cfg, generator

from rbd_multistore import exceptions, opts
from rbd_multistore.metrics import Metrics

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted((TOP / 'doc' / 'source').rglob('*.rst'))
SAMPLES = TOP / 'etc' / 'rbd-multistore'
TROUBLE = TOP / 'doc' / 'source' / 'admin' / 'troubleshooting.rst'
CODE = [
    ast.parse(path.read_text())
    for path in sorted((TOP / 'rbd_multistore').rglob('*.py'))
]
OURS = [opt.dest for opt in opts._OPTS]


def nodes() -> Iterator[ast.AST]:
    return itertools.chain.from_iterable(map(ast.walk, CODE))


# Troubleshooting


def errors() -> set[str]:
    """Return the errors that can be raised: those that have none below them,
    and those that the code calls, or picks to be called."""
    tree = {
        name: cls
        for name, cls in vars(exceptions).items()
        if inspect.isclass(cls)
        and issubclass(cls, exceptions.RBDMultistoreError)
    }
    leaves = {name for name, cls in tree.items() if not cls.__subclasses__()}
    picked = {
        used.attr
        for node in nodes()
        if isinstance(node, ast.Call | ast.Assign | ast.AnnAssign)
        for used in [node.func if isinstance(node, ast.Call) else node.value]
        if isinstance(used, ast.Attribute)
        and isinstance(used.value, ast.Name)
        and used.value.id == 'exceptions'
    }
    return leaves | (picked & set(tree))


def test_each_error_has_its_section_and_no_section_is_left_over():
    text = TROUBLE.read_text()
    labels = re.findall(r'^\.\. _error-(\w+):\n\n(\w+)\n-+\n', text, re.M)
    assert sorted(label for label, _ in labels) == sorted(errors())
    assert all(label == title for label, title in labels)
    assert text.count('.. _error-') == len(labels)


def sections() -> list[tuple[str, str]]:
    parts = re.split(r'^\.\. _error-(\w+):$', TROUBLE.read_text(), flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ('error', 'section'), sections(), ids=[name for name, _ in sections()]
)
def test_each_message_is_one_that_the_code_has(error, section):
    said = '\n'.join(
        node.value
        for node in nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    messages = re.findall(r'^\| ``(.*)``$', section, re.M)
    assert messages
    for message in messages:
        for part in message.split('...'):
            assert part.strip(' :.()') in said, message


def test_links_to_errors_lead_somewhere():
    for page in PAGES:
        for name in re.findall(r'error-(\w+)[`>]', page.read_text()):
            assert name in errors(), page


# Configuration


def blocks(sample: str) -> dict[str, str]:
    """Return the help and default of each option of ours in a sample.

    keystoneauth1's change with its release, and are not looked at.
    """
    found = {}
    for block in sample.split('\n\n'):
        name = re.search(r'^#(\w+) =', block, re.M)
        if name is not None and name[1] in OURS:
            found[name[1]] = block.strip()
    return found


def test_the_sample_config_file_is_current():
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    source = SAMPLES / 'rbd-multistore-config-generator.conf'
    conf(['--config-file', str(source)])
    fresh = io.StringIO()
    generator.generate(conf, fresh)
    made = blocks(fresh.getvalue())
    assert list(made) == OURS
    kept = blocks((SAMPLES / 'rbd-multistore.conf.sample').read_text())
    assert kept == made, f'run oslo-config-generator --config-file {source}'


def parsed(name: str) -> configparser.ConfigParser:
    fragment = configparser.ConfigParser(interpolation=None)
    fragment.read_string((SAMPLES / name).read_text())
    return fragment


def test_the_fragment_for_nova_has_what_is_read_of_it():
    fragment = parsed('nova.conf.fragment')
    assert fragment.sections() == ['libvirt']
    assert sorted(fragment['libvirt']) == sorted(
        opt.dest for opt in opts._NOVA_OPTS
    )


def test_the_fragment_for_glance_names_a_section_for_each_store():
    fragment = parsed('glance-api.conf.fragment')
    stores = re.findall(r'(\w+):', fragment['DEFAULT']['enabled_backends'])
    assert set(stores) < set(fragment.sections())
    assert fragment['glance_store']['default_backend'] in stores


def test_the_policy_for_glance_is_about_what_the_pages_say():
    rules = yaml.safe_load((SAMPLES / 'glance-policy.yaml').read_text())
    rights = (TOP / 'doc/source/admin/rights.rst').read_text()
    for policy in rules:
        assert f'``{policy}``' in rights


@pytest.mark.parametrize('option', OURS)
def test_each_option_is_spoken_of(option):
    assert any(option in page.read_text() for page in PAGES)


# Names that the pages use


def test_metrics_have_the_names_that_are_told():
    page = (TOP / 'doc/source/admin/metrics.rst').read_text()
    families = list(Metrics().registry.collect())
    real = {
        f'{family.name}_total' if family.type == 'counter' else family.name
        for family in families
    }
    told = set(re.findall(r'^``(rbd_multistore_\w+)``', page, re.M))
    assert told == real
    used = set(re.findall(r'rbd_multistore_\w+', page))
    assert {re.sub('_bucket$', '', name) for name in used} == real


def test_commands_are_those_that_there_are():
    there = {
        entry.name.replace('_', ' ')
        for entry in importlib.metadata.entry_points(
            group='rbd_multistore.cli'
        )
    }
    told = {
        ' '.join(words.split())
        for page in PAGES
        for words in re.findall(
            r'rbd-multistore (?:-\w+ |--[\w-]+ (?:\S+\.conf )?)*'
            r'((?:volume|image|pool)\s+[a-z]+|check\b)',
            page.read_text(),
        )
    }
    assert told <= there
    assert len(told) > 10


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_tests_that_are_named_are_there(page):
    for path, name in re.findall(
        r'(tests/[\w/]+\.py)(?:::(\w+))?', page.read_text()
    ):
        source = (TOP / path).read_text()
        assert not name or f'def {name}(' in source, f'{path}::{name}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_pages_carry_their_licence(page):
    assert page.read_text().startswith(
        '.. SPDX-License-Identifier: Apache-2.0\n'
    )
