# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.copying.progress import (
    Meter,
    Phase,
    Progress,
    StallTimer,
)
from rbd_multistore.copying.sight import Sight
from rbd_multistore.glance.image import Task
from tests.unit.copying.world import EPOCH, Clock, Pool, image, upload

MIB = 1 << 20


def _seen(phase: Phase, written: int | None, rate: float | None) -> Progress:
    return Progress('i', 's', phase, 1.0, 64 * MIB, written, rate)


@pytest.mark.parametrize(
    ('seen', 'words'),
    [
        (_seen(Phase.STAGING, None, None), 'staging'),
        (_seen(Phase.UPLOADING, 16 * MIB, None), 'uploading 16 of 64 MiB'),
        (
            _seen(Phase.UPLOADING, 16 * MIB, 8.0 * MIB),
            'uploading 16 of 64 MiB, 8.0 MiB/s, 6 s left',
        ),
        (_seen(Phase.UPLOADING, 0, 0.0), 'uploading 0 of 64 MiB'),
    ],
)
def test_says_how_far_it_is(seen, words):
    assert str(seen) == words


def test_a_rate_needs_two_looks():
    meter = Meter()
    assert meter.rate_bytes_s(10.0, 5 * MIB) is None
    assert meter.rate_bytes_s(12.0, 9 * MIB) == 2 * MIB


def test_an_upload_that_has_stopped_has_no_rate_soon():
    meter = Meter()
    for second in range(10):
        meter.rate_bytes_s(float(second), second * MIB)
    rates = [meter.rate_bytes_s(float(s), 9 * MIB) for s in range(10, 30)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0


def test_an_upload_that_began_anew_has_no_rate_yet():
    meter = Meter()
    meter.rate_bytes_s(10.0, 50 * MIB)
    assert meter.rate_bytes_s(12.0, 1 * MIB) is None


def test_stalls_only_when_nothing_changes():
    timer = StallTimer(10.0, 0.0)
    assert not timer.is_stalled(0.0, 'a')
    assert not timer.is_stalled(9.9, 'a')
    assert timer.is_stalled(10.0, 'a')
    assert not timer.is_stalled(11.0, 'b')
    assert not timer.is_stalled(20.9, 'b')
    assert timer.is_stalled(21.0, 'b')


def test_a_limit_of_zero_never_stalls():
    timer = StallTimer(0.0, 0.0)
    assert not timer.is_stalled(0.0, 'a')
    assert not timer.is_stalled(1e9, 'a')


def _task(message: str) -> Task:
    return Task('t', 'processing', message, EPOCH)


@pytest.mark.parametrize(
    ('image_', 'shown', 'message', 'ours', 'phase', 'written'),
    [
        (image(lock='t'), None, '', False, Phase.QUEUED, None),
        (image(lock='t'), None, '', True, Phase.STAGING, None),
        (
            image(importing=('site_a',), lock='t'),
            None,
            '',
            False,
            Phase.STAGING,
            None,
        ),
        (
            image(importing=('site_a',), lock='t'),
            upload(8 * MIB),
            '',
            True,
            Phase.UPLOADING,
            8 * MIB,
        ),
        (
            image(importing=('site_a',), lock='t'),
            upload(None),
            'Copied 24 MiB',
            True,
            Phase.UPLOADING,
            24 * MIB,
        ),
        (
            image(importing=('site_a',), lock='t'),
            upload(64 * MIB, 'snap'),
            '',
            True,
            Phase.FINISHING,
            None,
        ),
        (image(('central', 'site_a')), None, '', True, Phase.DONE, None),
    ],
)
def test_sees_the_phase(image_, shown, message, ours, phase, written):
    sight = Sight('site_a', Pool(Clock(), lambda now_s: shown))
    sight.look(image_.id)
    seen = sight.progress(
        image_, _task(message), ours=ours, now_s=1.0, elapsed_s=1.0
    )
    assert (seen.phase, seen.written_bytes) == (phase, written)


@pytest.mark.parametrize(
    ('message', 'phase', 'written'),
    [
        ('', Phase.COPYING, None),
        ('Copied 24 MiB', Phase.UPLOADING, 24 * MIB),
    ],
)
def test_a_strange_cluster_is_told_of_by_glance(message, phase, written):
    sight = Sight('site_b', None)
    sight.look('any')
    seen = sight.progress(
        image(importing=('site_b',), lock='t'),
        _task(message),
        ours=True,
        now_s=1.0,
        elapsed_s=1.0,
    )
    assert sight.needs_task
    assert (seen.phase, seen.written_bytes) == (phase, written)
