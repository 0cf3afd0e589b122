# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.glance.service import ImageService
from tests.unit.cli.conftest import Run, Site
from tests.unit.glance.memory import Client
from tests.unit.parts import MIB, Parts

JSON = ('-f', 'json')


def test_show(run: Run, parts: Parts) -> None:
    image = parts.add_image(
        'central',
        'site_a',
        name='one',
        min_disk_gib=1,
        importing=frozenset({'site_b'}),
        failed=frozenset({'site_d', 'site_c'}),
        lock='the-task',
    )
    for name in ('v', 'w'):
        parts.backend.create_from_image(name, 'one', 1 << 30)
    ended = run('image', 'show', 'one', *JSON)
    assert ended.status == 0
    urls = [place.url for place in parts.cloud.locations[image.id]]
    shown = ended.document
    assert {key: shown[key] for key in shown if key != 'locations'} == {
        'id': image.id,
        'name': 'one',
        'status': 'active',
        'disk_format': 'raw',
        'size': 64 * MIB,
        'virtual_size': 64 * MIB,
        'min_disk': 1,
        'stores': ['central', 'site_a'],
        'copying_to': ['site_b'],
        'copy_failed_for': ['site_c', 'site_d'],
        'lock': 'the-task',
        'cloneable': True,
        'why_not': '',
        'clones': 2,
    }
    assert shown['locations'] == [
        {
            'url': urls[0],
            'store': 'central',
            'cloneable': False,
            'reason': 'not in RBD, or not a snapshot there',
        },
        {'url': urls[1], 'store': 'site_a', 'cloneable': True, 'reason': ''},
    ]


def test_show_what_cannot_be_cloned(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    shown = run('image', 'show', image.id, *JSON).document
    assert shown['cloneable'] is False
    assert shown['why_not'] == (
        'no location can be cloned here; each says why'
    )
    assert shown['clones'] is None


def test_show_what_nobody_has_cloned(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a')
    shown = run('image', 'show', image.id, *JSON).document
    assert shown['clones'] == 0


def test_show_what_has_no_location(run: Run, parts: Parts) -> None:
    image = parts.add_image(status='queued', disk_format='')
    shown = run('image', 'show', image.id, *JSON).document
    assert shown['cloneable'] is False
    assert shown['why_not'] == 'the image has no location'
    assert shown['locations'] == []
    assert shown['stores'] == []


def test_show_where_locations_are_hidden(
    run: Run, site: Site, parts: Parts
) -> None:
    image = parts.add_image('site_a')
    hidden = ImageService(Client(parts.cloud))  # type: ignore[arg-type]
    site.images = parts.backend._images = hidden
    ended = run('image', 'show', image.id, *JSON)
    assert ended.status == 0
    assert ended.document['cloneable'] is False
    assert 'caller may not' in ended.document['why_not']


def test_show_as_a_table(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a', 'central')
    ended = run('image', 'show', image.id, '--fit-width')
    assert 'central, site_a' in ended.out
    for words in ('cloneable here', 'not in RBD'):
        assert words in ' '.join(ended.out.replace('|', ' ').split())


@pytest.mark.parametrize(
    'wanted', ['one', '11111111-2222-4333-8444-555555555555']
)
def test_show_what_is_not_there(run: Run, wanted: str) -> None:
    ended = run('image', 'show', wanted)
    assert ended.status == 1
    [line] = ended.err.splitlines()
    assert line.startswith(f'error: Image {wanted} not found')


def test_show_more_than_one(run: Run, parts: Parts) -> None:
    parts.add_image('central', name='one')
    parts.add_image(
        'central', name='one', id='11111111-2222-4333-8444-555555555555'
    )
    ended = run('image', 'show', 'one')
    assert ended.status == 1
    assert '2 images are named one' in ended.err


@pytest.mark.parametrize(
    ('option', 'names'),
    [
        (None, {'here', 'missing', 'coming'}),
        ('--here', {'here'}),
        ('--missing', {'missing', 'coming'}),
        ('--copying', {'coming'}),
    ],
)
def test_list_by_where_images_are(
    run: Run, parts: Parts, option: str | None, names: set[str]
) -> None:
    for place, (name, stores, importing) in enumerate(
        [
            ('here', ('central', 'site_a'), ()),
            ('missing', ('central',), ()),
            ('coming', ('central', 'site_a'), ('site_a',)),
        ]
    ):
        parts.add_image(
            *stores,
            id=f'00000000-0000-4000-8000-00000000000{place}',
            name=name,
            importing=frozenset(importing),
        )
    ended = run('image', 'list', '-f', 'json', *filter(None, [option]))
    assert ended.status == 0
    assert {row['name'] for row in ended.document} == names


def test_list_what_is_here_needs_to_know_where_that_is(
    run: Run, site: Site
) -> None:
    site.store = None
    ended = run('image', 'list', '--here')
    assert ended.status == 1
    assert 'glance_store_name' in ended.err
