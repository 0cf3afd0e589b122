# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import requests
from keystoneauth1 import adapter
from keystoneauth1.identity import v3

from rbd_multistore import exceptions
from rbd_multistore.glance.client import GlanceClient, Store
from rbd_multistore.glance.image import decode_image, decode_locations
from tests.unit.glance.transport import URL, Transport
from tests.unit.recorded import body

ACTIVE = '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e'
NONE = '11111111-2222-4333-8444-555555555555'
IMAGE = f'/v2/images/{ACTIVE}'


@pytest.mark.parametrize(
    'moment',
    [
        'active-central',
        'active-two-stores',
        'with-locations',
        'deactivated',
        'copy-staging',
        'copy-failed',
    ],
)
def test_image(glance: Transport, client: GlanceClient, moment: str) -> None:
    glance.answer('GET', IMAGE, f'glance-33/image-{moment}')
    wanted = decode_image(body(f'glance-33/image-{moment}'))
    assert client.image(ACTIVE) == wanted
    assert ('GET', IMAGE, None) in glance.asked


def test_images_named(glance: Transport, client: GlanceClient) -> None:
    path = '/v2/images?name=unit-active&limit=200'
    glance.answer('GET', path, 'glance-33/images-named')
    [found] = client.images_named('unit-active')
    assert found == decode_image(body('glance-33/image-active-central'))


def test_no_images_named(glance: Transport, client: GlanceClient) -> None:
    path = '/v2/images?name=unit-nothing&limit=200'
    glance.answer('GET', path, 'glance-33/images-named-none')
    assert client.images_named('unit-nothing') == ()


def test_locations(glance: Transport, client: GlanceClient) -> None:
    name = 'glance-33/locations-two-stores'
    glance.answer('GET', f'{IMAGE}/locations', name)
    assert client.locations(ACTIVE) == decode_locations(body(name))


def test_stores(glance: Transport, client: GlanceClient) -> None:
    glance.answer('GET', '/v2/info/stores', 'glance-33/info-stores')
    assert client.stores() == (
        Store('central', default=True, read_only=False),
        Store('site_a', default=False, read_only=False),
        Store('site_b', default=False, read_only=False),
    )


def test_read_only_store(glance: Transport, client: GlanceClient) -> None:
    # Glance's API reference: an http store is shown like this.
    stores = {'stores': [{'id': 'web', 'read-only': 'true'}]}
    glance.answer(
        'GET', '/v2/info/stores', 'glance-33/info-stores', body=stores
    )
    assert client.stores() == (Store('web', default=False, read_only=True),)


def test_copy_image(glance: Transport, client: GlanceClient) -> None:
    glance.answer('POST', f'{IMAGE}/import', 'glance-33/import-accepted')
    client.copy_image(ACTIVE, {'site_a'})
    # Without "all_stores_must_succeed": false, which would hide a failure.
    assert glance.asked[-1] == (
        'POST',
        f'{IMAGE}/import',
        {'method': {'name': 'copy-image'}, 'stores': ['site_a']},
    )


def test_copy_image_to_several(
    glance: Transport, client: GlanceClient
) -> None:
    glance.answer('POST', f'{IMAGE}/import', 'glance-33/import-accepted')
    client.copy_image(ACTIVE, {'site_b', 'site_a'})
    assert glance.asked[-1][2]['stores'] == ['site_a', 'site_b']


@pytest.mark.parametrize(
    ('answer', 'wanted', 'words'),
    [
        ('error-400-present', exceptions.GlanceInvalid, 'already present'),
        ('error-401', exceptions.GlanceUnauthorized, '401'),
        ('error-403-copy', exceptions.GlanceForbidden, 'copy_image action'),
        ('error-404-copy', exceptions.ImageNotFound, ACTIVE),
        ('error-409-busy', exceptions.GlanceConflict, 'has active task'),
        ('error-409-no-store', exceptions.GlanceConflict, 'nowhere not found'),
        ('error-409-not-active', exceptions.GlanceConflict, 'status active'),
        ('error-413', exceptions.GlanceOverQuota, 'limit has been exceeded'),
    ],
)
def test_refused_copy(
    glance: Transport,
    client: GlanceClient,
    answer: str,
    wanted: type[Exception],
    words: str,
) -> None:
    glance.answer('POST', f'{IMAGE}/import', f'glance-33/{answer}')
    with pytest.raises(wanted, match=words) as caught:
        client.copy_image(ACTIVE, {'site_a'})
    assert type(caught.value) is wanted
    assert '<br' not in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('answer', ['error-404-image', 'error-404-hidden'])
def test_image_that_is_not_to_be_seen(
    glance: Transport, client: GlanceClient, answer: str
) -> None:
    glance.answer('GET', f'/v2/images/{NONE}', f'glance-33/{answer}')
    with pytest.raises(exceptions.ImageNotFound) as caught:
        client.image(NONE)
    assert caught.value.image_id == NONE


def test_locations_refused(glance: Transport, client: GlanceClient) -> None:
    glance.answer('GET', f'{IMAGE}/locations', 'glance-33/error-403-locations')
    with pytest.raises(exceptions.GlanceForbidden):
        client.locations(ACTIVE)


def test_locations_of_an_older_glance(
    glance: Transport, client: GlanceClient
) -> None:
    versions = body('glance-33/versions')
    versions['versions'] = [
        version
        for version in versions['versions']
        if version['id'] not in ('v2.17',)
    ]
    glance.answer('GET', '/versions', 'glance-33/versions', body=versions)
    glance.answer(
        'GET', f'/v2/images/{ACTIVE}/locations', 'glance-33/error-404-stores'
    )
    with pytest.raises(exceptions.GlanceInvalid, match='not supported'):
        client.locations(ACTIVE)


def test_locations_cost_one_request(
    glance: Transport, client: GlanceClient
) -> None:
    glance.answer(
        'GET', f'/v2/images/{ACTIVE}/locations', 'glance-33/locations-central'
    )
    client.locations(ACTIVE)
    assert len(glance.asked) == 1


def test_stores_of_a_glance_with_one(
    glance: Transport, client: GlanceClient
) -> None:
    glance.answer('GET', '/v2/info/stores', 'glance-33/error-404-stores')
    with pytest.raises(exceptions.GlanceInvalid, match='not supported'):
        client.stores()


@pytest.mark.parametrize(
    'error',
    [
        requests.exceptions.ConnectionError('refused'),
        requests.exceptions.ConnectTimeout('slow'),
        requests.exceptions.ReadTimeout('slow'),
        requests.exceptions.ChunkedEncodingError('broke off'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer(
    glance: Transport, client: GlanceClient, error: Exception
) -> None:
    glance.break_off('GET', IMAGE, error)
    with pytest.raises(exceptions.GlanceUnavailable):
        client.image(ACTIVE)


@pytest.mark.parametrize('status', [500, 502, 503])
def test_passing_trouble(
    glance: Transport, client: GlanceClient, status: int
) -> None:
    page = '<html><body><h1>Sorry</h1>later</body></html>'
    glance.answer(
        'GET',
        IMAGE,
        'glance-33/error-401',
        status=status,
        content_type='text/html',
        body=page,
    )
    with pytest.raises(exceptions.GlanceUnavailable, match=str(status)):
        client.image(ACTIVE)


def test_credentials_that_keystone_refuses() -> None:
    keystone = Transport()
    keystone.answer('GET', '/v3', 'keystone-30/version')
    keystone.answer('POST', '/v3/auth/tokens', 'keystone-30/error-401')
    auth = v3.Password(
        auth_url='http://127.0.0.1:5000/v3', username='a', password='wrong'
    )
    client = GlanceClient(
        adapter.Adapter(session=keystone.session(), auth=auth)
    )
    with pytest.raises(exceptions.GlanceUnauthorized) as caught:
        client.image(ACTIVE)
    assert 'wrong' not in str(caught.value)


def test_token_goes_along(glance: Transport, client: GlanceClient) -> None:
    glance.answer('GET', IMAGE, 'glance-33/image-active-central')
    client.image(ACTIVE)
    assert set(glance.tokens) == {'callers-token'}


def test_what_the_endpoint_says_is_kept(glance: Transport) -> None:
    endpoint = glance.endpoint()
    endpoint.endpoint_override = f'{URL}/prefix'
    for path in ('/v2/info/stores', '/versions'):
        glance.answer('GET', f'/prefix{path}', 'glance-33/info-stores')
    assert GlanceClient(endpoint).stores()
