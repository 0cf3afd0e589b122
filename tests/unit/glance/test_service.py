# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rbd_multistore import exceptions
from rbd_multistore.glance.service import ImageService
from tests.unit.glance.memory import Client, Cloud

OTHER = '11111111-2222-4333-8444-555555555555'


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def service(
    cloud: Cloud,
    caller: dict[str, Any] | None = None,
    service: dict[str, Any] | None = None,
    both: dict[str, Any] | None = None,
) -> ImageService:
    """Return the images with those credentials, ``None``: without them."""
    return ImageService(
        Client(cloud, 'caller', **(caller or {})),  # type: ignore[arg-type]
        None if service is None else Client(cloud, 'service', **service),  # type: ignore[arg-type]
        None if both is None else Client(cloud, 'both', **both),  # type: ignore[arg-type]
    )


def test_find_by_id(cloud: Cloud) -> None:
    image = cloud.add('central', name='one')
    assert service(cloud).find(image.id) == image


def test_find_by_name(cloud: Cloud) -> None:
    cloud.add('central', id=OTHER, name='two')
    image = cloud.add('central', name='one')
    assert service(cloud).find('one') == image


def test_find_a_name_that_looks_like_an_id(cloud: Cloud) -> None:
    cloud.add('central', name=OTHER)
    with pytest.raises(exceptions.ImageNotFound):
        service(cloud).find(OTHER)


def test_find_nothing(cloud: Cloud) -> None:
    with pytest.raises(exceptions.ImageNotFound) as caught:
        service(cloud).find('one')
    assert caught.value.image_id == 'one'


def test_find_more_than_one(cloud: Cloud) -> None:
    first = cloud.add('central', name='one')
    cloud.add('central', id=OTHER, name='one')
    with pytest.raises(exceptions.ImageAmbiguous) as caught:
        service(cloud).find('one')
    assert caught.value.image_id == 'one'
    assert first.id in str(caught.value)
    assert OTHER in str(caught.value)


def test_find_what_only_the_service_sees(cloud: Cloud) -> None:
    image = cloud.add('central', name='one')
    images = service(cloud, caller={'sees': []}, service={'may_read': True})
    for wanted in (image.id, 'one'):
        with pytest.raises(exceptions.ImageNotFound):
            images.find(wanted)
    with pytest.raises(exceptions.ImageNotFound):
        images.image(image.id)


def test_locations_that_the_image_shows(cloud: Cloud) -> None:
    image = cloud.add('central', 'site_a')
    shown = dataclasses.replace(image, locations=cloud.locations[image.id])
    # Nobody may read them from the API.
    assert service(cloud).locations(shown) == cloud.locations[image.id]
    empty = dataclasses.replace(image, locations=())
    assert service(cloud).locations(empty) == ()


@pytest.mark.parametrize(
    'credentials',
    [
        {'caller': {'may_read': True}},
        {'service': {'may_read': True}},
        {'service': {}, 'both': {'may_read': True}},
        {'caller': {'may_read': True}, 'service': {}, 'both': {}},
        # A service user without the role admin does not see the private
        # images of others.
        {'service': {'sees': []}, 'both': {'may_read': True}},
    ],
)
def test_locations_by_whoever_may_read_them(
    cloud: Cloud, credentials: dict[str, Any]
) -> None:
    image = cloud.add('central', 'site_a')
    images = service(cloud, **credentials)
    assert images.locations(image) == cloud.locations[image.id]


@pytest.mark.parametrize(
    'credentials',
    [
        {},
        {'service': {}},
        {'service': {}, 'both': {}},
        {'service': {'sees': []}, 'both': {}},
    ],
)
def test_locations_that_nobody_may_read(
    cloud: Cloud, credentials: dict[str, Any]
) -> None:
    image = cloud.add('central')
    with pytest.raises(exceptions.GlanceForbidden):
        service(cloud, **credentials).locations(image)


def test_locations_of_an_image_that_was_deleted(cloud: Cloud) -> None:
    image = cloud.add('central')
    cloud.images.clear()
    images = service(cloud, service={'may_read': True}, both={})
    with pytest.raises(exceptions.ImageNotFound):
        images.locations(image)


@pytest.mark.parametrize(
    ('credentials', 'who'),
    [
        ({'caller': {'may_copy': True}}, 'caller'),
        # No more rights than are needed.
        (
            {
                'caller': {'may_copy': True},
                'service': {'may_copy': True},
                'both': {'may_copy': True},
            },
            'caller',
        ),
        (
            {'service': {'may_copy': True}, 'both': {'may_copy': True}},
            'both',
        ),
        ({'service': {'may_copy': True}, 'both': {}}, 'service'),
        ({'service': {'may_copy': True}}, 'service'),
    ],
)
def test_copy_by_whoever_may(
    cloud: Cloud, credentials: dict[str, Any], who: str
) -> None:
    image = cloud.add('central')
    service(cloud, **credentials).copy_image(image, {'site_a'})
    assert cloud.asked == [(who, image.id, frozenset({'site_a'}))]


def test_copy_that_nobody_may_ask_for(cloud: Cloud) -> None:
    image = cloud.add('central')
    images = service(cloud, service={}, both={})
    with pytest.raises(exceptions.GlanceForbidden):
        images.copy_image(image, {'site_a'})
    assert cloud.asked == []


def test_copy_of_an_image_that_the_caller_lost(cloud: Cloud) -> None:
    image = cloud.add('central')
    images = service(
        cloud, caller={'sees': []}, service={'may_copy': True}, both={}
    )
    with pytest.raises(exceptions.ImageNotFound):
        images.copy_image(image, {'site_a'})
    assert cloud.asked == []


def test_stores(cloud: Cloud) -> None:
    names = [store.id for store in service(cloud).stores()]
    assert names == ['central', 'site_a', 'site_b']


@pytest.mark.parametrize(
    ('credentials', 'has'),
    [
        ({}, False),
        ({'service': {}}, True),
        ({'service': {}, 'both': {}}, True),
    ],
)
def test_whether_there_are_service_credentials(
    cloud: Cloud, credentials: dict[str, Any], has: bool
) -> None:
    assert service(cloud, **credentials).has_service_credentials is has
