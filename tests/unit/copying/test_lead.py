# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.lead import Limits
from rbd_multistore.glance.image import Task
from tests.unit.copying.world import (
    EPOCH,
    IMAGE,
    Case,
    Clock,
    Playback,
    Pool,
    image,
    stages,
    upload,
)

MIB = 1 << 20
LOCKED = image(lock='t')
COPYING = image(importing=('site_a',), lock='t')
THERE = image(('central', 'site_a'))
FAILED = image(failed=('site_a',))


def _case(*changes, uploads=None, limits=None, **kwargs) -> Case:
    clock = Clock()
    glance = Playback(clock, stages(*changes), **kwargs)
    pool = None if uploads is None else Pool(clock, uploads)
    return Case(glance, clock, uploads=pool, limits=limits)


def test_asks_once_and_follows_to_the_end():
    case = _case((0, image()), (0.1, LOCKED), (0.4, COPYING), (4, THERE))
    assert case.run() == THERE
    assert [stores for _, stores in case.glance.asked] == [{'site_a'}]
    assert case.account.attempts == 1


def test_tells_of_each_phase():
    def pool(now_s):
        if now_s < 2:
            return None
        return upload(64 * MIB, 'snap') if now_s > 4 else upload(8 * MIB)

    case = _case((0, image()), (0.1, COPYING), (5, THERE), uploads=pool)
    case.run()
    assert case.phases() == ['staging', 'uploading', 'finishing', 'done']


def test_looks_at_glance_at_once_when_the_cluster_shows_the_snapshot():
    case = _case(
        (0, image()),
        (0.1, COPYING),
        (300.0, THERE),
        uploads=lambda now_s: upload(
            int(now_s) * 1000, *(['snap'] if now_s >= 299.5 else [])
        ),
    )
    case.run()
    assert case.clock.now_s < 300.0 * 1.05


def test_follows_the_copy_that_another_host_asked_for():
    case = _case((0, COPYING), (4, THERE))
    case.run()
    assert case.glance.asked == []
    assert case.account.attempts == 0


def test_waits_for_the_lock_of_a_copy_to_another_store_and_asks_then():
    elsewhere = image(importing=('site_b',), lock='b')
    case = _case(
        (0, elsewhere),
        (20, image(('central', 'site_b'))),
    )

    def answer(seen, stores):
        case.glance.asked.append((case.clock.now_s, stores))
        case.glance._shows = stages((0, COPYING), (40, THERE))

    case.glance.copy_image = answer
    assert case.run() == THERE
    assert [at_s >= 20 for at_s, _ in case.glance.asked] == [True]
    assert case.phases()[0] == 'queued behind another copy'


def test_a_409_is_not_an_error():
    case = _case(
        (0, image()),
        (0.1, COPYING),
        (4, THERE),
        answers=[exceptions.GlanceConflict('busy')],
    )
    case.run()
    assert case.account.attempts == 0


def test_an_answer_that_was_lost_is_looked_for_before_asking_again():
    case = _case(
        (0, image()),
        (0.1, COPYING),
        (4, THERE),
        answers=[exceptions.GlanceUnavailable('connection reset')],
    )
    case.run()
    assert len(case.glance.asked) == 1


def test_a_request_that_never_arrived_is_sent_again():
    case = _case(
        (0, image()),
        (3, COPYING),
        (9, THERE),
        answers=[exceptions.GlanceUnavailable('503')] * 2,
    )
    case.run()
    assert len(case.glance.asked) == 3


def test_a_failure_is_asked_again_as_often_as_allowed():
    case = _case((0, image()), (1, FAILED), limits=Limits(attempts=3))
    with pytest.raises(exceptions.CopyFailed, match='failed 3 times'):
        case.run()
    assert len(case.glance.asked) == 3


def test_a_lost_request_that_failed_counts_as_an_attempt():
    case = _case(
        (0, image()),
        (0.1, FAILED),
        answers=[exceptions.GlanceUnavailable('reset')],
        limits=Limits(attempts=1),
    )
    with pytest.raises(exceptions.CopyFailed):
        case.run()
    assert len(case.glance.asked) == 1


def test_a_stale_failure_is_not_one():
    stale = image(failed=('site_a',))
    case = _case((0, stale), (1, COPYING), (4, THERE))
    assert case.run() == THERE
    assert case.account.attempts == 1


def test_what_is_in_the_way_ends_it_at_once():
    clock = Clock()
    glance = Playback(clock, stages((0, image()), (1, FAILED)))
    pool = Pool(clock, lambda now_s: None)
    case = Case(glance, clock, uploads=pool, in_the_way=['an orphan'])
    with pytest.raises(exceptions.CopyFailed, match='an orphan'):
        case.run()
    assert len(glance.asked) == 1
    assert case.cleared == 1


def test_a_copy_elsewhere_has_nothing_of_ours_in_the_way():
    clock = Clock()
    glance = Playback(
        clock, stages((0, image()), (1, image(failed=('site_b',))))
    )
    case = Case(glance, clock, stores=['site_b'], in_the_way=['an orphan'])
    with pytest.raises(exceptions.CopyFailed, match='failed 2 times'):
        case.run()
    assert case.cleared == 0


@pytest.mark.parametrize('has_service', [True, False])
def test_a_policy_that_refuses_is_named(has_service):
    case = _case(
        (0, image()),
        answers=[exceptions.GlanceForbidden('403')],
        has_service_credentials=has_service,
    )
    with pytest.raises(exceptions.CopyNotAllowed, match='copy_image') as seen:
        case.run()
    assert ('auth_type' in str(seen.value)) is not has_service


@pytest.mark.parametrize(
    'refusal',
    [
        exceptions.GlanceOverQuota('413'),
        exceptions.GlanceUnauthorized('401'),
        exceptions.GlanceInvalid('400'),
        exceptions.ImageNotFound('404', IMAGE.id),
    ],
)
def test_a_refusal_that_stays_ends_it(refusal):
    case = _case((0, image()), answers=[refusal])
    with pytest.raises(type(refusal)):
        case.run()
    assert len(case.glance.asked) == 1


def test_a_400_after_somebody_was_faster_is_fine():
    case = _case((0, image()), answers=[exceptions.GlanceInvalid('present')])
    case.glance.image_again = lambda seen: THERE
    assert case.run() == THERE


def test_an_image_that_is_deactivated_meanwhile_is_an_error():
    import dataclasses

    off = dataclasses.replace(COPYING, status='deactivated')
    case = _case((0, image()), (2, off))
    with pytest.raises(exceptions.ImageNotActive):
        case.run()


def test_passing_trouble_is_sat_out():
    case = _case((0, COPYING), (60, THERE))
    look = case.glance.image_again

    def flaky(seen):
        if case.clock.now_s < 30:
            raise exceptions.GlanceUnavailable('503', retry_after_s=7.0)
        return look(seen)

    case.glance.image_again = flaky
    case.run()
    assert max(case.clock.slept_s) <= 15.0


def test_retry_after_is_honoured():
    case = _case((0, COPYING), (1, THERE))
    looks = []

    def busy(seen):
        looks.append(case.clock.now_s)
        if len(looks) == 1:
            raise exceptions.GlanceUnavailable('429', retry_after_s=40.0)
        return THERE

    case.glance.image_again = busy
    case.run()
    assert looks[1] - looks[0] >= 40.0


def test_retry_after_is_honoured_though_the_cluster_shows_the_end():
    case = _case(
        (0, COPYING),
        uploads=lambda now_s: upload(8 * MIB, *['snap'] * (now_s > 3)),
    )
    looks = []

    def busy(seen):
        looks.append(case.clock.now_s)
        if len(looks) == 1:
            raise exceptions.GlanceUnavailable('429', retry_after_s=40.0)
        return THERE

    case.glance.image_again = busy
    case.run()
    assert looks[1] - looks[0] == pytest.approx(40.0)


def test_times_out_with_what_the_lock_says():
    task = Task('task-1', 'processing', 'Copied 9 MiB', EPOCH)
    case = _case(
        (0, image()),
        (0.1, COPYING),
        limits=Limits(timeout_s=50.0, stall_timeout_s=0),
        tasks=lambda now_s: task,
    )
    with pytest.raises(exceptions.CopyTimeout) as seen:
        case.run()
    assert case.clock.now_s == pytest.approx(50.0)
    for words in ('50 s', 'uploading 9 of 64 MiB', 'task-1', '13:00:00 UTC'):
        assert words in str(seen.value)


def test_a_copy_that_does_not_move_stalls():
    case = _case(
        (0, image()),
        (0.1, COPYING),
        uploads=lambda now_s: upload(8 * MIB),
        limits=Limits(stall_timeout_s=20.0),
    )
    with pytest.raises(exceptions.CopyStalled, match='8 of 64 MiB'):
        case.run()
    assert 20.0 <= case.clock.now_s < 40.0


def test_a_stall_is_seen_between_two_looks_at_glance():
    case = _case(
        (0, COPYING),
        uploads=lambda now_s: upload(min(int(now_s), 100) * 1000),
        limits=Limits(stall_timeout_s=20.0, poll_interval_s=300.0),
    )
    with pytest.raises(exceptions.CopyStalled):
        case.run()
    assert 120.0 <= case.clock.now_s < 130.0
    assert case.glance.looked_s[-1] >= 120.0


def test_a_copy_that_moves_does_not_stall():
    case = _case(
        (0, image()),
        (0.1, COPYING),
        (300, THERE),
        uploads=lambda now_s: upload(int(now_s) * 1000),
        limits=Limits(stall_timeout_s=20.0),
    )
    assert case.run() == THERE


def test_a_task_that_speaks_is_a_sign_of_life():
    def task(now_s):
        spoken = EPOCH + datetime.timedelta(seconds=now_s // 15 * 15)
        return Task('t', 'processing', '', spoken)

    case = _case(
        (0, LOCKED),
        (300, THERE),
        limits=Limits(stall_timeout_s=20.0),
        tasks=task,
    )
    assert case.run() == THERE


def test_the_lock_of_a_glance_that_died_long_ago_is_taken_over():
    dead = Task('t', 'processing', '', EPOCH - datetime.timedelta(hours=1))
    case = _case((0, COPYING), tasks=lambda now_s: dead)

    def answer(seen, stores):
        case.glance.asked.append((case.clock.now_s, stores))
        case.glance._shows = stages(
            (0, image(importing=('site_a',), lock='new')), (9, THERE)
        )

    case.glance.copy_image = answer
    assert case.run() == THERE
    assert case.glance.asked == [(0.0, {'site_a'})]


def test_a_pending_task_keeps_its_lock_twice_as_long():
    pending = Task('t', 'pending', '', EPOCH - datetime.timedelta(hours=1))
    case = _case(
        (0, LOCKED),
        limits=Limits(timeout_s=30.0),
        tasks=lambda now_s: pending,
    )
    with pytest.raises(exceptions.CopyTimeout):
        case.run()
    assert case.glance.asked == []


def test_several_stores_are_one_request():
    clock = Clock()
    both = image(importing=('site_a', 'site_b'), lock='t')
    one = image(('central', 'site_a'), importing=('site_b',), lock='t')
    glance = Playback(
        clock,
        stages(
            (0, image()),
            (0.1, both),
            (5, one),
            (9, image(('central', 'site_a', 'site_b'))),
        ),
    )
    case = Case(glance, clock, stores=['site_a', 'site_b'])
    case.run()
    assert [stores for _, stores in glance.asked] == [{'site_a', 'site_b'}]
    assert {seen.store for seen in case.told} == {'site_a', 'site_b'}


def test_the_account_adds_up():
    case = _case((0, image()), (0.1, COPYING), (8, THERE))
    case.run()
    summary = case.account.close(case.clock.now_s, None)
    assert summary.outcome == 'done'
    assert summary.attempts == 1
    assert summary.polls == len(case.glance.looked_s)
    assert sum(summary.phases_s.values()) == pytest.approx(summary.seconds)
    assert f'image={IMAGE.id} store=site_a bytes=67108864' in str(summary)


@pytest.mark.parametrize(
    ('error', 'outcome'),
    [
        (None, 'done'),
        (exceptions.CopyStalled('', '', ''), 'stalled'),
        (exceptions.CopyTimeout('', '', ''), 'timeout'),
        (exceptions.CopyFailed('', '', ''), 'failed'),
        (exceptions.CopyNotAllowed('', '', ''), 'refused'),
        (exceptions.ImageNotFound('', ''), 'image_gone'),
        (exceptions.GlanceOverQuota(''), 'glance_error'),
        (KeyboardInterrupt(), 'interrupted'),
        (exceptions.Interrupted(), 'interrupted'),
        (RuntimeError(), 'error'),
    ],
)
def test_the_outcome_is_named(error, outcome):
    case = _case((0, THERE))
    assert case.account.close(1.0, error).outcome == outcome


def test_a_new_request_is_a_sign_of_life():
    """Nothing moves for 10 s, the copy fails, and nothing for 10 s again."""
    case = _case((0, image()), limits=Limits(stall_timeout_s=15.0))

    def shows(now_s):
        asked = len(case.glance.asked)
        if asked == 1:
            return LOCKED if now_s < 10 else image()
        if asked == 2:
            return LOCKED if now_s < 22 else THERE
        return image()

    case.glance._shows = shows
    assert case.run() == THERE
    assert len(case.glance.asked) == 2


def test_what_was_known_of_the_lock_is_told_where_glance_is_away():
    known = Task('t', 'processing', '', EPOCH)
    case = _case(
        (0, LOCKED),
        limits=Limits(timeout_s=30.0),
        tasks=lambda now_s: known if now_s < 1 else None,
    )
    with pytest.raises(exceptions.CopyTimeout, match='held by task t, proc'):
        case.run()


def test_a_queue_of_other_stores_does_not_use_the_time_up():
    """Ten sites before ours, each with its own copy of 40 s."""
    queue = [
        (40 * place, image(importing=(f'site_{place}',), lock=f't{place}'))
        for place in range(10)
    ]
    case = _case(
        *queue,
        (400, image()),
        limits=Limits(timeout_s=60.0, stall_timeout_s=50.0),
    )

    def answer(seen, stores):
        case.glance.asked.append((case.clock.now_s, stores))
        case.glance._shows = stages((0, COPYING), (430, THERE))

    case.glance.copy_image = answer
    assert case.run() == THERE


def test_a_queue_that_does_not_move_does():
    case = _case(
        (0, image(importing=('site_b',), lock='t')),
        limits=Limits(timeout_s=60.0),
    )
    with pytest.raises(exceptions.CopyTimeout, match='queued behind'):
        case.run()
    assert case.clock.now_s == pytest.approx(60.0)


def test_the_stores_of_one_request_do_not_use_the_time_up():
    """Ten stores in our own request, 40 s each, ours the last."""
    names = [f'site_{place}' for place in range(10)]
    steps = [
        (40 * place, image(importing=[*names[place:], 'site_a'], lock='t'))
        for place in range(11)
    ]
    case = _case(*steps, (440, THERE), limits=Limits(timeout_s=60.0))
    assert case.run() == THERE
