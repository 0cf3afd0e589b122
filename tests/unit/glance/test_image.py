# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rbd_multistore import exceptions
from rbd_multistore.glance.image import (
    Image,
    Location,
    decode_image,
    decode_locations,
    store_names,
)
from tests.unit.recorded import body


def image(name: str) -> Image:
    return decode_image(body(f'glance-33/image-{name}'))


def test_queued() -> None:
    facts = {
        'id': 'f9c3341e-8e1f-4832-922e-817efb7b1439',
        'name': 'unit-queued',
        'status': 'queued',
        'disk_format': 'raw',
        'size_bytes': 0,
        'virtual_size_bytes': 0,
        'min_disk_gib': 0,
        'stores': frozenset(),
        'importing': frozenset(),
        'failed': frozenset(),
        'lock': '',
        'locations': None,
    }
    seen = vars(image('queued'))
    assert {name: seen[name] for name in facts} == facts


def test_active_in_one_store() -> None:
    facts = {
        'id': '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e',
        'name': 'unit-active',
        'status': 'active',
        'disk_format': 'raw',
        'size_bytes': 2 << 20,
        'virtual_size_bytes': 2 << 20,
        'min_disk_gib': 1,
        'stores': frozenset({'central'}),
        'importing': frozenset(),
        'failed': frozenset(),
        'lock': '',
        'locations': None,
    }
    seen = vars(image('active-central'))
    assert {name: seen[name] for name in facts} == facts


def test_name_format_and_status() -> None:
    document = body('glance-33/image-queued')
    bare = {'id': document['id'], 'status': 'queued', 'updated_at': ''}
    assert decode_image(bare).name == ''
    assert decode_image(bare).disk_format == ''
    assert decode_image({**bare, 'name': None}).name == ''
    assert decode_image({**bare, 'disk_format': 'qcow2'}).disk_format == (
        'qcow2'
    )


CENTRAL = frozenset({'central'})
BOTH = frozenset({'central', 'site_a'})
LOCK = '7d7ad251-a831-4043-9c5d-c0b0bbd04ee3'


@pytest.mark.parametrize(
    ('moment', 'stores', 'importing', 'failed', 'lock'),
    [
        ('active-two-stores', BOTH, set(), set(), ''),
        ('copy-locked', CENTRAL, set(), set(), LOCK),
        ('copy-staging', CENTRAL, {'site_a'}, set(), LOCK),
        ('copy-uploading', CENTRAL, {'site_a'}, set(), LOCK),
        ('copy-done-locked', BOTH, set(), set(), LOCK),
        ('copy-done', BOTH, set(), set(), ''),
        ('copy-failed', CENTRAL, set(), {'site_b'}, ''),
    ],
)
def test_moments_of_a_copy(
    moment: str,
    stores: frozenset[str],
    importing: set[str],
    failed: set[str],
    lock: str,
) -> None:
    seen = image(moment)
    assert (seen.stores, seen.importing, seen.failed, seen.lock) == (
        stores,
        importing,
        failed,
        lock,
    )


def test_locations_in_the_image() -> None:
    assert image('with-locations').locations == decode_locations(
        body('glance-33/locations-two-stores')
    )


def test_no_locations_shown_is_not_no_location() -> None:
    document = body('glance-33/image-active-central')
    assert decode_image(document).locations is None
    assert decode_image({**document, 'locations': []}).locations == ()


def test_locations_of_their_own() -> None:
    assert decode_locations(body('glance-33/locations-two-stores')) == (
        Location(
            'file:///var/lib/glance/images/'
            '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e',
            'central',
        ),
        Location(
            'rbd://24b8c50a-2daa-4082-955d-6952a07acb72/images/'
            '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e/snap',
            'site_a',
        ),
    )


@pytest.mark.parametrize(
    'metadata', [{}, {'metadata': None}, {'metadata': {}}]
)
def test_location_that_names_no_store(metadata: dict[str, Any]) -> None:
    assert decode_locations([{'url': 'rbd://i', **metadata}]) == (
        Location('rbd://i', ''),
    )


@pytest.mark.parametrize(
    ('commas', 'names'),
    [
        (None, set()),
        ('', set()),
        (',', set()),
        ('a', {'a'}),
        ('a,b', {'a', 'b'}),
        (' a , b,', {'a', 'b'}),
        ('ceph10,ceph11', {'ceph10', 'ceph11'}),
    ],
)
def test_store_names(commas: str | None, names: set[str]) -> None:
    assert store_names(commas) == names


@pytest.mark.parametrize(
    ('virtual', 'size', 'min_disk', 'least'),
    [
        (0, 0, 0, 0),
        (5 << 30, 3, 0, 5 << 30),
        (0, 7, 0, 7),
        (5 << 30, 3, 6, 6 << 30),
        (7 << 30, 3, 6, 7 << 30),
    ],
)
def test_least_size_of_a_volume(
    virtual: int, size: int, min_disk: int, least: int
) -> None:
    changed = dataclasses.replace(
        image('queued'),
        virtual_size_bytes=virtual,
        size_bytes=size,
        min_disk_gib=min_disk,
    )
    assert changed.least_bytes == least


def test_active_may_be_used() -> None:
    image('active-central').check_active()


@pytest.mark.parametrize('status', ['queued', 'deactivated'])
def test_other_status_may_not_be_used(status: str) -> None:
    seen = image(status)
    with pytest.raises(exceptions.ImageNotActive, match=status) as caught:
        seen.check_active()
    assert caught.value.image_id == seen.id
