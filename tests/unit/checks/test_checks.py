# SPDX-License-Identifier: Apache-2.0
"""Each thing that can be wrong with a site is told, with what to change."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import pytest
import rbd

from rbd_multistore import exceptions
from rbd_multistore.checks import everything
from rbd_multistore.checks.result import Check, Found, Outcome, Result, run
from rbd_multistore.glance.client import StoreDetail
from rbd_multistore.glance.service import ImageService
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Pool
from rbd_multistore.virt.pool import Secret as PoolSecret
from tests.unit.fakes.server import Secret
from tests.unit.glance.memory import Client, location
from tests.unit.parts import URI, Parts

SECRET = '53d2626a-c026-4fe4-95eb-0db418c2d7a7'
VERSION = b'{"version": "ceph version 16.2.15 (618f440) pacific (stable)"}'


class Site:
    """A site on the parts in memory, with all that is needed."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.store: str | None = 'site_a'
        self.libvirt = Libvirt(URI)
        self.volumes = self.parts.volumes
        self.backend = self.parts.backend
        self.images = ImageService(
            Client(  # type: ignore[arg-type]
                self.parts.cloud, may_read=True, may_copy=True
            )
        )
        self.parts.libvirt.secrets.append(Secret(SECRET, 'ceph', b'key'))
        self.parts.cloud.issued_at = datetime.datetime.now(datetime.UTC)
        self.parts.ceph.answers['version'] = (0, VERSION, '')
        self.parts.ceph.answers['config-key ls'] = (-13, b'', 'denied')

    @property
    def definition(self) -> Pool:
        return self.parts.storage.definition()

    @property
    def guests_secret(self) -> PoolSecret | None:
        return self.definition.secret

    def check(self) -> dict[str, Result]:
        """Try everything; return what came of it, by what was tried."""
        results = everything.try_all_and_clone(self)
        return {result.check: result for result in results}


@pytest.fixture
def site() -> Site:
    return Site()


def test_all_is_well(site: Site) -> None:
    site.parts.add_image('central', 'site_a')
    results = site.check()
    assert {r.outcome for r in results.values()} == {Outcome.OK}, results
    assert len(results) == 14
    # What was made to try is gone.
    assert site.volumes.names() == ()


Break = Callable[[Site], object]


def _detail(**changes: str | None) -> Break:
    def change(site: Site) -> None:
        known = StoreDetail('site_a', 'rbd', 'images', 'fsid')
        site.parts.cloud.details['site_a'] = dataclasses.replace(
            known, **changes
        )

    return change


def _less(**rights: bool) -> Break:
    def change(site: Site) -> None:
        site.images = ImageService(
            Client(site.parts.cloud, **rights)  # type: ignore[arg-type]
        )

    return change


def _skewed(site: Site) -> None:
    site.parts.cloud.issued_at -= datetime.timedelta(minutes=5)


def _refused(site: Site) -> None:
    site.parts.cloud.refusal = exceptions.GlanceUnauthorized('bad password')


def _unconfigured(site: Site) -> None:
    site.store = None


def _mistaken(site: Site) -> None:
    site.store = 'site_x'


def _shown(site: Site) -> None:
    (image,) = site.parts.cloud.images.values()
    site.parts.cloud.images[image.id] = dataclasses.replace(
        image, locations=(location(image.id, 'site_a'),)
    )


@pytest.mark.parametrize(
    ('break_', 'check', 'outcome', 'words'),
    [
        (
            lambda site: site.parts.libvirt.pools.clear(),
            'libvirt pool',
            Outcome.FAILURE,
            'libvirt_pool',
        ),
        (
            lambda site: site.parts.libvirt.secrets.clear(),
            'secret',
            Outcome.FAILURE,
            'pool define',
        ),
        (
            lambda site: setattr(site.parts.ceph, 'is_up', False),
            'cluster',
            Outcome.FAILURE,
            'monitors',
        ),
        (
            lambda site: site.parts.ceph.pools.pop('vms'),
            'read the pool',
            Outcome.FAILURE,
            'profile rbd',
        ),
        (
            lambda site: site.parts.ceph.answers.update(
                {'config-key ls': (0, b'[]', '')}
            ),
            'no more caps than needed',
            Outcome.WARNING,
            'user of its own',
        ),
        (_refused, 'credentials', Outcome.FAILURE, 'auth_url'),
        (_skewed, 'clock', Outcome.WARNING, 'time service'),
        (_unconfigured, 'glance', Outcome.WARNING, 'glance_store_name'),
        (_mistaken, 'glance', Outcome.FAILURE, 'glance_store_name'),
        (_detail(type='file'), 'store', Outcome.FAILURE, 'RBD store'),
        (
            _detail(fsid='another'),
            'store',
            Outcome.FAILURE,
            'the same site',
        ),
        (_less(may_copy=True), 'store', Outcome.WARNING, 'role service'),
        (_less(may_copy=True), 'locations', Outcome.FAILURE, 'role service'),
        (_shown, 'locations', Outcome.WARNING, 'OSSN-0065'),
        (_less(may_read=True), 'copy policy', Outcome.FAILURE, 'copy_image'),
        (
            lambda site: site.parts.ceph.fail(
                'RBD.clone', rbd.PermissionError('no', errno=1)
            ),
            'clone',
            Outcome.FAILURE,
            'image show',
        ),
    ],
)
def test_what_is_wrong_is_told(
    site: Site, break_: Break, check: str, outcome: Outcome, words: str
) -> None:
    site.parts.add_image('central', 'site_a')
    break_(site)
    result = site.check()[check]
    assert result.outcome is outcome
    assert words in result.remedy


def test_a_cloud_without_images_leaves_open_what_needs_one(
    site: Site,
) -> None:
    results = site.check()
    for check in ('locations', 'copy policy', 'clone'):
        assert results[check].outcome is Outcome.WARNING
        assert 'cannot be tried' in results[check].detail


def test_nothing_is_tried_behind_a_gate_that_is_shut() -> None:
    tried: list[str] = []

    def fail() -> Found:
        raise exceptions.ConfigError('shut')

    def note() -> Found:
        tried.append('it')
        return Found('fine')

    group = [
        Check('gate', 'open it', fail, is_gate=True),
        Check('behind', '', note),
    ]
    (result,) = run(group)
    assert result == Result('gate', Outcome.FAILURE, 'shut', 'open it')
    assert tried == []
