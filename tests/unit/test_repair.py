# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import datetime

import pytest

from rbd_multistore import exceptions
from rbd_multistore.ceph.uploads import Upload
from rbd_multistore.glance.image import Image, Location, Task
from rbd_multistore.repair import Repair

NOW = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
FSID = '24b8c50a-2daa-4082-955d-6952a07acb72'
OTHER_FSID = 'f1b92c18-9f71-4b37-8b5d-873545b22189'
IMAGE = Image(
    id='6eff729b-851e-433e-a569-51f13bbfd7a1',
    name='debian',
    status='active',
    disk_format='raw',
    size_bytes=64 << 20,
    virtual_size_bytes=64 << 20,
    min_disk_gib=0,
    stores=frozenset({'central'}),
    importing=frozenset({'site_a'}),
    failed=frozenset(),
    lock='',
    locations=None,
)
LOCKED = dataclasses.replace(IMAGE, lock='task')
HALF = Upload(64 << 20, 8 << 20, frozenset(), frozenset())
ORPHANS = Location(f'rbd://{FSID}/images/{IMAGE.id}/snap', 'site_a')


class Images:
    """What Glance says of the image."""

    def __init__(self, image=IMAGE, locations=(), task=None):
        self.shown = image
        self.places = locations
        self.task = task

    def image_again(self, image):
        return self.shown

    def locations(self, image):
        return self.places

    def lock_task(self, image):
        return self.task if image.lock else None


class Pool:
    """The store's pool, with at most one upload in it."""

    pool = 'images'

    def __init__(self, upload):
        self.upload = upload

    def fsid(self):
        return FSID

    def look(self, image_id):
        return self.upload

    def remove_unused(self, image_id, check):
        check()
        self.upload = None


def _repair(pool, allowed=False) -> Repair:
    return Repair(lambda images: pool, allowed, utc=lambda: NOW)


def _task(status='processing', age=HOUR):
    return Task('task', status, '', NOW - age)


@pytest.mark.parametrize(
    ('images', 'upload'),
    [
        pytest.param(Images(), HALF, id='nobody wants it'),
        pytest.param(
            Images(
                locations=[
                    Location(f'rbd://{FSID}/images/another/snap', 'site_a'),
                    Location(
                        f'rbd://{OTHER_FSID}/images/{IMAGE.id}/snap',
                        'site_b',
                    ),
                    Location('file:///images/x', 'central'),
                ]
            ),
            HALF,
            id='locations elsewhere',
        ),
        pytest.param(
            Images(LOCKED, task=_task(age=HOUR)), HALF, id='expired lock'
        ),
    ],
)
def test_an_orphan_is_found_and_removed(images, upload):
    pool = Pool(upload)
    repair = _repair(pool)
    finding = repair.inspect(images, images.shown)
    assert finding.is_orphan
    assert finding.place == f'images/{IMAGE.id}'
    repair.remove(images, images.shown)
    assert pool.upload is None


@pytest.mark.parametrize(
    ('images', 'upload', 'words'),
    [
        pytest.param(
            Images(),
            dataclasses.replace(HALF, snapshots=frozenset({'snap'})),
            'has the snapshots snap',
            id='snapshot',
        ),
        pytest.param(
            Images(),
            dataclasses.replace(HALF, watchers=frozenset({'127.0.0.1:0/1'})),
            '1 clients have it open',
            id='client',
        ),
        pytest.param(
            Images(locations=[ORPHANS]), HALF, 'names it', id='location'
        ),
        pytest.param(
            Images(LOCKED, task=_task(age=HOUR / 2)),
            HALF,
            'until 2026-11-21 12:30:00 UTC',
            id='lock',
        ),
        pytest.param(
            Images(LOCKED, task=_task('pending', age=HOUR)),
            HALF,
            'pending',
            id='lock of a task that waits',
        ),
        pytest.param(
            Images(LOCKED), HALF, 'holds the lock', id='lock of whom?'
        ),
    ],
)
@pytest.mark.parametrize('allowed', [True, False])
def test_what_may_be_in_use_is_kept(images, upload, words, allowed):
    pool = Pool(upload)
    repair = _repair(pool, allowed)
    assert not repair.inspect(images, images.shown).is_orphan
    with pytest.raises(exceptions.RequestError, match=words):
        repair.remove(images, images.shown)
    assert words in repair.clear_the_way(images, images.shown)
    assert pool.upload is upload


@pytest.mark.parametrize(
    'changed',
    [
        pytest.param(Images(locations=[ORPHANS]), id='location'),
        pytest.param(Images(LOCKED, task=_task(age=HOUR / 2)), id='lock'),
    ],
)
def test_it_is_looked_at_again_before_it_is_removed(changed):
    pool, images = Pool(HALF), Images()

    def remove_unused(image_id, check):
        images.__dict__.update(changed.__dict__)
        check()
        pool.upload = None

    pool.remove_unused = remove_unused
    with pytest.raises(exceptions.RequestError, match='kept'):
        _repair(pool).remove(images, IMAGE)
    assert pool.upload is HALF


def test_nothing_is_nothing_to_repair():
    repair = _repair(Pool(None), allowed=True)
    assert repair.inspect(Images(), IMAGE).upload is None
    assert not repair.inspect(Images(), IMAGE).is_orphan
    assert repair.clear_the_way(Images(), IMAGE) == ''
    with pytest.raises(exceptions.RequestError, match='Nothing to repair'):
        repair.remove(Images(), IMAGE)


def test_the_way_is_cleared_only_where_that_is_allowed():
    pool = Pool(HALF)
    said = _repair(pool).clear_the_way(Images(), IMAGE)
    assert f'rbd-multistore image repair {IMAGE.id}' in said
    assert pool.upload is HALF
    assert _repair(pool, allowed=True).clear_the_way(Images(), IMAGE) == ''
    assert pool.upload is None


def test_a_pool_that_is_not_known_is_named():
    repair = Repair(lambda images: None, True)
    with pytest.raises(exceptions.ConfigError, match='glance_store_pool'):
        repair.inspect(Images(), IMAGE)
    assert repair.clear_the_way(Images(), IMAGE) == ''
