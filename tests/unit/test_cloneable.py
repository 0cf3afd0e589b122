# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import pytest

from rbd_multistore import cloneable
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.glance.image import Image, decode_image
from tests.unit.recorded import body

FSID = '24b8c50a-2daa-4082-955d-6952a07acb72'
HERE = cloneable.Site(fsid=FSID, store='site_a', disk_pool='vms')


@pytest.fixture
def image() -> Image:
    return decode_image(body('glance-33/image-with-locations'))


def judged(
    image: Image,
    site: cloneable.Site = HERE,
    url: str | None = None,
    store: str | None = None,
) -> cloneable.Verdict:
    """Judge the image's location in RBD, changed as told."""
    assert image.locations is not None
    location = image.locations[1]
    return cloneable.judge(
        image,
        dataclasses.replace(
            location,
            url=location.url if url is None else url,
            store=location.store if store is None else store,
        ),
        site,
    )


def test_location_as_glance_made_it(image: Image) -> None:
    verdict = judged(image)
    assert verdict.cloneable
    assert verdict.snapshot == Snapshot('images', image.id, 'snap')
    assert verdict.reason == ''


def test_file(image: Image) -> None:
    assert image.locations is not None
    verdict = cloneable.judge(image, image.locations[0], HERE)
    assert not verdict.cloneable
    assert verdict.location == image.locations[0]
    assert verdict.reason == 'not in RBD, or not a snapshot there'


def test_fsid_is_compared_without_case(image: Image) -> None:
    shouted = dataclasses.replace(HERE, fsid=FSID.upper())
    assert judged(image, shouted).cloneable


def test_store_is_not_compared_where_none_is_configured(image: Image) -> None:
    anywhere = dataclasses.replace(HERE, store=None)
    assert judged(image, anywhere, store='site_b').cloneable
    assert judged(image, anywhere, store='').cloneable


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (
            {'url': 'rbd://another/images/{id}/snap'},
            'in another Ceph cluster, another',
        ),
        ({'store': 'site_b'}, 'belongs to Glance store site_b, not site_a'),
        # A name that only begins like ours is another.
        ({'store': 'site_a1'}, 'belongs to Glance store site_a1, not site_a'),
        ({'store': ''}, 'Glance does not say that it belongs to store site_a'),
        (
            {'url': 'rbd://{fsid}/vms/{id}/snap'},
            "in pool vms, where the instances' disks live",
        ),
        (
            {'url': 'rbd://{fsid}/images/another/snap'},
            'names the RBD image another, not {id}',
        ),
        # Written otherwise, these are still the same forbidden places.
        (
            {'url': 'rbd://{fsid}/v%6ds/{id}/snap'},
            "in pool vms, where the instances' disks live",
        ),
    ],
)
def test_each_rule(image: Image, changes: dict[str, str], reason: str) -> None:
    facts = {'id': image.id, 'fsid': FSID}
    filled = {name: text.format(**facts) for name, text in changes.items()}
    verdict = judged(image, **filled)
    assert verdict.reason == reason.format(**facts)
    assert verdict.snapshot is None
    assert not verdict.cloneable


@pytest.mark.parametrize(
    ('disk_format', 'reason'),
    [
        ('qcow2', 'the image is qcow2, not raw'),
        ('iso', 'the image is iso, not raw'),
        ('', 'the image is of no format, not raw'),
    ],
)
def test_only_raw(image: Image, disk_format: str, reason: str) -> None:
    other = dataclasses.replace(image, disk_format=disk_format)
    assert judged(other).reason == reason
