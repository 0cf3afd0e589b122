# SPDX-License-Identifier: Apache-2.0
"""A volume is made where it is wanted, cloned if it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from keystoneauth1.session import Session
from oslo_utils import units

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import SIZE_BYTES, Uploaded, Uploads


@pytest.mark.parametrize('by', ['id', 'name'])
def test_hit(
    demo: Program, cached: Uploaded, disks_a: Disks, name: str, by: str
) -> None:
    made = demo.done('volume', 'create', name, '--image', getattr(cached, by))
    seconds = made.pop('seconds')
    assert made == {
        'name': name,
        'pool': 'vms',
        'size': SIZE_BYTES,
        'parent': cached.parent,
        'copied': False,
    }
    assert 0 < seconds < 60
    assert disks_a.read(name) == cached.data


def test_size_is_grown_to(
    demo: Program, cached: Uploaded, disks_a: Disks, name: str
) -> None:
    made = demo.done(
        'volume', 'create', name, '--image', cached.id, '--size', '1'
    )
    assert made['size'] == units.Gi
    assert disks_a.seen(name) == (units.Gi, frozenset())
    with disks_a.opened(name) as disk:
        assert disk.read(0, SIZE_BYTES) == cached.data
        assert not any(disk.read(SIZE_BYTES, units.Mi))


def test_miss_from_the_file_store(
    demo: Program, upload: Uploads, disks_a: Disks, name: str
) -> None:
    image = upload()
    made = demo.done('volume', 'create', name, '--image', image.name)
    assert made['copied'] is True
    assert made['parent'] == image.parent
    assert upload.stores(image) == {'central', 'site_a'}
    assert disks_a.read(name) == image.data


def test_miss_from_the_other_cluster(
    demo: Program,
    upload: Uploads,
    admin_glance: Any,
    disks_a: Disks,
    name: str,
) -> None:
    image = upload('central', 'site_b')
    admin_glance.images.delete_from_store('central', image.id)
    assert upload.stores(image) == {'site_b'}
    made = demo.done('volume', 'create', name, '--image', image.id)
    assert made['copied'] is True
    assert upload.stores(image) == {'site_a', 'site_b'}
    assert disks_a.read(name) == image.data


def test_after_a_miss_comes_a_hit(
    demo: Program,
    upload: Uploads,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    image = upload()
    copied = [
        demo.done('volume', 'create', new_name(), '--image', image.id)[
            'copied'
        ]
        for _ in range(2)
    ]
    assert copied == [True, False]


def test_each_site_makes_its_own(
    demo: Program,
    demo_at_b: Program,
    upload: Uploads,
    disks: dict[str, Disks],
    name: str,
) -> None:
    image = upload('site_a')
    at_a = demo.done('volume', 'create', name, '--image', image.id)
    at_b = demo_at_b.done('volume', 'create', name, '--image', image.id)
    assert (at_a['copied'], at_b['copied']) == (False, True)
    for site in disks.values():
        assert site.read(name) == image.data


def test_what_is_written_to_a_clone_stays_there(
    demo: Program,
    cached: Uploaded,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    one, other = new_name(), new_name()
    for name in (one, other):
        demo.done('volume', 'create', name, '--image', cached.id)
    with disks_a.opened(one, read_only=False) as disk:
        disk.write(b'mine', 0)
    assert disks_a.read(one)[:4] == b'mine'
    assert disks_a.read(other) == cached.data
    assert disks_a.read(cached.id, 'images', 'snap') == cached.data


def test_own_private_image_of_a_member(
    demo: Program,
    demo_session: Session,
    upload: Uploads,
    disks_a: Disks,
    name: str,
) -> None:
    """A member may neither see locations nor copy: the service user does
    both for it."""
    image = upload(visibility='private')
    assert upload.record(image)['owner'] == demo_session.get_project_id()
    made = demo.done('volume', 'create', name, '--image', image.id)
    assert made['copied'] is True
    assert disks_a.read(name) == image.data


def test_public_image_of_another_project(
    demo: Program,
    upload: Uploads,
    admin_glance: Any,
    disks_a: Disks,
    name: str,
) -> None:
    image = upload(by=admin_glance, visibility='public')
    made = demo.done('volume', 'create', name, '--image', image.name)
    assert made['copied'] is True
    assert disks_a.read(name) == image.data


def test_min_disk_is_met(demo: Program, upload: Uploads, name: str) -> None:
    image = upload('site_a', min_disk=1)
    made = demo.done(
        'volume', 'create', name, '--image', image.id, '--size', '1'
    )
    assert made['size'] == units.Gi
