# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore import exceptions
from tests.unit.cli.conftest import Run
from tests.unit.parts import Parts

ID = '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e'


def test_copies_to_the_store_of_this_site(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    ended = run('image', 'copy', image.id, '-f', 'json')
    assert ended.status == 0
    (row,) = ended.document
    assert row['outcome'] == 'copied'
    assert row['stores'] == ['site_a']
    assert parts.copier.brought == [image.id]


def test_what_is_there_is_not_copied(run: Run, parts: Parts) -> None:
    image = parts.add_image('central', 'site_a')
    ended = run('image', 'copy', image.id, '-f', 'json')
    assert ended.status == 0
    assert ended.document[0]['outcome'] == 'there already'
    assert parts.copier.brought == []


@pytest.mark.parametrize(
    ('options', 'stores'),
    [
        (['--store', 'site_b'], ['site_b']),
        (['--store', 'site_b', '--store', 'site_a'], ['site_a', 'site_b']),
        (['--all-stores'], ['central', 'site_a', 'site_b']),
    ],
)
def test_takes_the_stores(
    run: Run, parts: Parts, options: list[str], stores: list[str]
) -> None:
    image = parts.add_image('central')
    ended = run('image', 'copy', image.id, '--no-wait', '-f', 'json', *options)
    assert ended.status == 0
    assert ended.document[0]['stores'] == stores
    assert ended.document[0]['outcome'] == 'asked'


def test_one_failure_of_several_is_a_failure(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    ended = run('image', 'copy', image.id, 'nonesuch', '-f', 'json')
    assert ended.status == 1
    copied, failed = ended.document
    assert copied['outcome'] == 'copied'
    assert failed['outcome'] == 'failed'
    assert 'nonesuch' in failed['error']


def test_an_image_that_is_named_twice_is_copied_once(
    run: Run, parts: Parts
) -> None:
    image = parts.add_image('central')
    ended = run('image', 'copy', image.id, image.id, '-f', 'json')
    assert len(ended.document) == 1


def test_a_copy_that_fails_says_why(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.error = exceptions.CopyFailed('no room', image.id, 'site_a')
    ended = run('image', 'copy', image.id, '-f', 'json')
    assert ended.status == 1
    assert ended.document[0]['error'] == 'no room'


def test_needs_a_store(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.store = None
    ended = run('image', 'copy', image.id)
    assert ended.status == 1
    assert 'glance_store_name' in ended.err


@pytest.mark.parametrize('number', ['0', '65', 'x'])
def test_parallel_has_a_bound(run: Run, number: str) -> None:
    assert run('image', 'copy', 'x', '--parallel', number).status == 2
