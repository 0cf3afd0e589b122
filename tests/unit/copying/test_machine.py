# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import pytest

from rbd_multistore.copying.machine import Request, Step, decide, why_ended
from tests.unit.copying.world import image

A = frozenset({'site_a'})
ACCEPTED = Request(accepted=True, before=image())
SEEN = Request(accepted=True, before=image(), lock_seen=True)
LOST = Request(accepted=False, before=image())


@pytest.mark.parametrize(
    ('seen', 'request_', 'step'),
    [
        pytest.param(image(), None, Step.ASK, id='nowhere'),
        pytest.param(image(('central', 'site_a')), None, Step.DONE, id='in'),
        pytest.param(
            image(('central', 'site_a'), importing=('site_a',), lock='t'),
            None,
            Step.WAIT,
            id='in the list, but still being imported',
        ),
        pytest.param(
            image(('central', 'site_a'), lock='t'),
            SEEN,
            Step.DONE,
            id='the lock goes a moment after the copy is done',
        ),
        pytest.param(
            image(('central', 'site_a10'), importing=('site_a10',)),
            None,
            Step.ASK,
            id='a name that begins alike',
        ),
        pytest.param(image(lock='t'), None, Step.WAIT, id='somebody copies'),
        pytest.param(image(lock='t'), ACCEPTED, Step.WAIT, id='accepted'),
        pytest.param(
            image(failed=('site_a',), lock='t'),
            ACCEPTED,
            Step.WAIT,
            id='an old failure, while the new copy begins',
        ),
        pytest.param(
            image(failed=('site_a',)), None, Step.ASK, id='an old failure'
        ),
        pytest.param(
            image(failed=('site_a',)), SEEN, Step.ENDED, id='it failed'
        ),
        pytest.param(
            image(failed=('site_a',)),
            ACCEPTED,
            Step.ENDED,
            id='it failed before the lock was seen',
        ),
        pytest.param(
            image(importing=('site_a',)),
            SEEN,
            Step.ENDED,
            id='staging failed: the lock is gone, the mark stays',
        ),
        pytest.param(image(), SEEN, Step.ENDED, id='gone without a trace'),
        pytest.param(
            image(failed=('site_a',)),
            LOST,
            Step.ENDED,
            id='the answer was lost, the copy failed',
        ),
        pytest.param(image(), LOST, Step.ASK, id='the request never arrived'),
        pytest.param(
            image(lock='t'), LOST, Step.WAIT, id='it may have arrived'
        ),
    ],
)
def test_decides(seen, request_, step):
    assert decide(seen, A, request_).step is step


def test_the_lock_of_an_accepted_request_may_be_late_to_show():
    assert decide(image(), A, ACCEPTED, settled=False).step is Step.WAIT
    assert decide(image(), A, ACCEPTED, settled=True).step is Step.ENDED


def test_a_failure_from_before_the_request_does_not_end_it():
    seen = image(failed=('site_a',))
    stale = Request(accepted=True, before=seen)
    assert decide(seen, A, stale, settled=False).step is Step.WAIT


def test_a_quick_failure_after_a_copy_that_died_is_seen():
    dead = image(importing=('site_a',))
    request = Request(accepted=True, before=dead)
    seen = image(failed=('site_a',))
    assert decide(seen, A, request, settled=False).step is Step.ENDED


def test_an_expired_lock_is_nobodys():
    seen = image(importing=('site_a',), lock='dead')
    assert decide(seen, A, None).step is Step.WAIT
    assert decide(seen, A, None, lock_expired=True).step is Step.ASK


def test_only_the_missing_stores_are_asked_for():
    decision = decide(
        image(('central', 'site_a')), frozenset({'site_a', 'site_b'}), None
    )
    assert decision.step is Step.ASK
    assert decision.stores == {'site_b'}


def test_a_request_learns_of_its_lock_once():
    assert not ACCEPTED.after(image()).lock_seen
    seen = ACCEPTED.after(image(lock='t'))
    assert seen.lock_seen
    assert seen.after(image()).lock_seen


@pytest.mark.parametrize(
    ('seen', 'words'),
    [
        (image(failed=('site_a',)), 'reports that it failed'),
        (image(importing=('site_a',)), 'no task works on it'),
        (image(), 'neither the copy nor a failure'),
    ],
)
def test_says_why_a_request_ended(seen, words):
    assert words in why_ended(seen, A)


def test_a_lost_request_arrived_if_anything_has_changed():
    failed = image(failed=('site_a',))
    lost = Request(accepted=False, before=failed)
    assert decide(failed, A, lost).step is Step.ASK
    touched = dataclasses.replace(failed, updated_at='2026-11-21T07:34:23Z')
    assert decide(touched, A, lost).step is Step.ENDED
