# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.ceph.snapshot import ClusterSnapshot, Snapshot, parse_url
from tests.unit.recorded import body


def test_location_that_glance_wrote() -> None:
    [_, location] = body('glance-33/locations-two-stores')
    parsed = parse_url(location['url'])
    assert parsed == ClusterSnapshot(
        '24b8c50a-2daa-4082-955d-6952a07acb72',
        Snapshot('images', '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e', 'snap'),
    )


def test_each_part_is_decoded_by_itself() -> None:
    parsed = parse_url('rbd://f/a%2Fb/c%40d%20e/s%C3%A9')
    assert parsed == ClusterSnapshot('f', Snapshot('a/b', 'c@d e', 'sé'))


@pytest.mark.parametrize(
    'url',
    [
        '',
        'rbd://',
        'rbd://image',
        'rbd://fsid/pool/image',
        'rbd://fsid/pool/image/snap/more',
        'rbd:///pool/image/snap',
        'rbd://fsid//image/snap',
        'rbd://fsid/pool//snap',
        'rbd://fsid/pool/image/',
        'RBD://fsid/pool/image/snap',
        'file:///var/lib/glance/images/8ec4e1e8',
        'http://rbd://fsid/pool/image/snap',
        'cinder://fsid/pool/image/snap',
    ],
)
def test_other_forms(url: str) -> None:
    assert parse_url(url) is None


def test_written_as_the_rbd_command_does() -> None:
    assert str(Snapshot('images', 'one', 'snap')) == 'images/one@snap'


def test_url_is_parsed_again() -> None:
    place = ClusterSnapshot('fsid', Snapshot('a pool', 'an/image', 'snap'))
    assert place.url == 'rbd://fsid/a%20pool/an%2Fimage/snap'
    assert parse_url(place.url) == place
