# SPDX-License-Identifier: Apache-2.0
"""Which locations of an image are cloned, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.functional.main_job.disks import IMAGES, Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.lab.lab import Lab

NothingLeft = Callable[[], AbstractContextManager[None]]


def verdicts(demo: Program, image: Uploaded) -> dict[str, str]:
    """What the program says of each location, by store."""
    shown = demo.done('image', 'show', image.id)
    return {
        location['store']: location['reason'] or 'cloneable'
        for location in shown['locations']
    }


def test_image_everywhere(lab: Lab, demo: Program, upload: Uploads) -> None:
    image = upload('central', 'site_a', 'site_b')
    shown = demo.done('image', 'show', image.name)
    assert shown['id'] == image.id
    assert shown['stores'] == ['central', 'site_a', 'site_b']
    assert shown['cloneable'] is True
    assert shown['why_not'] == ''
    assert shown['copying_to'] == []
    assert verdicts(demo, image) == {
        'central': 'not in RBD, or not a snapshot there',
        'site_a': 'cloneable',
        'site_b': f'in another Ceph cluster, {lab.clusters["site_b"].fsid}',
    }
    for location in shown['locations']:
        assert location['cloneable'] is (location['store'] == 'site_a')


def test_image_elsewhere(demo: Program, central: Uploaded) -> None:
    shown = demo.done('image', 'show', central.id)
    assert shown['cloneable'] is False
    assert 'each says why' in shown['why_not']


def test_image_without_any(demo: Program, upload: Uploads) -> None:
    image = upload.queued()
    shown = demo.done('image', 'show', image.id)
    assert (shown['status'], shown['cloneable']) == ('queued', False)
    assert shown['why_not'] == 'the image has no location'


def test_image_that_is_not_raw(
    demo: Program, upload: Uploads, small_qcow2: Any
) -> None:
    image = upload('site_a', path=small_qcow2, disk_format='qcow2')
    assert verdicts(demo, image) == {'site_a': 'the image is qcow2, not raw'}


@pytest.fixture
def forge(
    lab: Lab, upload: Uploads, service_glance: Any
) -> Callable[[str], Uploaded]:
    """Makes an image whose data is at a URL below the store's own.

    Glance 33 lets the role ``service`` do so; a cloud that shows multiple
    locations lets everybody (OSSN-0065).
    """

    def make(rest: str) -> Uploaded:
        image = upload.queued()
        fsid = lab.clusters['site_a'].fsid
        service_glance.images.add_image_location(
            image.id, f'rbd://{fsid}/{rest}', {}
        )
        upload.images.wait_for(image.id, {'site_a'})
        return image

    return make


def test_location_in_somebody_elses_image(
    demo: Program,
    upload: Uploads,
    forge: Callable[[str], Uploaded],
    admin_glance: Any,
    disks_a: Disks,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    """Glance gives it our store's name, so that alone tells nothing."""
    secret = upload('site_a', by=admin_glance)
    forged = forge(f'images/{secret.id}/snap')
    assert upload.stores(forged) == {'site_a'}
    reason = f'names the RBD image {secret.id}, not {forged.id}'
    assert verdicts(demo, forged) == {'site_a': reason}
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', forged.id)
    assert reason in error
    # Glance takes the data along with the image that claims it.
    admin_glance.images.delete(forged.id)


def test_snapshot_that_is_gone(
    demo: Program,
    upload: Uploads,
    disks_a: Disks,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    """Somebody removed what Glance still believes to have."""
    image = upload('site_a')
    disks_a.remove(image.id, IMAGES)
    gone = f'{image.parent} is not in the cluster.'
    assert verdicts(demo, image) == {'site_a': gone}
    with nothing_left():
        outcome = demo.run('volume', 'create', name, '--image', image.id)
    assert outcome.status == 1
    assert outcome.stdout == ''
    assert gone in outcome.stderr.splitlines()[-1]
