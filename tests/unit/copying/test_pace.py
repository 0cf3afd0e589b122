# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import pytest

from rbd_multistore.copying.pace import Deadline, Pace, cluster_pause_s


def _looks(pace: Pace, restart_at_s: float, until_s: float) -> int:
    """Count the looks until *until_s*, with the one restart on the way."""
    now_s, restarted = 0.0, False
    pace.restart()
    for looks in itertools.count():
        if now_s >= until_s:
            return looks
        if now_s >= restart_at_s and not restarted:
            pace.restart()
            restarted = True
        now_s += pace.next_s()
    raise AssertionError


@pytest.mark.parametrize('duration_s', [1, 5, 30, 60, 120, 600, 3600])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.95])
@pytest.mark.parametrize('dice', [0.0, 1.0])
def test_looks_are_few(duration_s, share, dice):
    pace = Pace(15.0, lambda: dice)
    looks = _looks(pace, share * duration_s, duration_s)
    assert looks <= 20 + duration_s / 15


def test_grows_from_short_to_the_longest():
    pace = Pace(2.0, lambda: 1.0)
    pauses = [pace.next_s() for _ in range(10)]
    assert pauses[0] < 0.5
    assert pauses == sorted(pauses)
    assert pauses[-3:] == [2.0] * 3


def test_hosts_scatter_once_before_the_longest_pause():
    def pauses(dice):
        pace = Pace(2.0, lambda: dice)
        return [pace.next_s() for _ in range(8)]

    assert pauses(0.25)[-3:] == [0.5, 2.0, 2.0]
    assert pauses(0.75)[-3:] == [1.5, 2.0, 2.0]


def test_hosts_do_not_stay_in_step():
    assert Pace(15.0, lambda: 1.0).next_s() < Pace(15.0, lambda: 0.0).next_s()


def test_is_never_longer_than_asked_for():
    pace = Pace(0.1, lambda: 0.0)
    assert all(pace.next_s() <= 0.1 for _ in range(5))


@pytest.mark.parametrize('elapsed_s', [0, 1, 20, 100, 300, 10_000])
def test_the_cluster_is_looked_at_within_a_twentieth(elapsed_s):
    pause_s = cluster_pause_s(elapsed_s)
    assert 0.5 <= pause_s <= 10.0
    assert pause_s <= max(1.0, 0.05 * elapsed_s)


def test_a_queue_that_moves_starts_the_time_anew():
    deadline = Deadline(10.0, now_s=0.0)
    deadline.note('first', now_s=1.0)
    assert deadline.left_s(1.0) == 10.0
    deadline.note('first', now_s=9.0)
    assert deadline.left_s(9.0) == 2.0
    deadline.note('second', now_s=9.0)
    assert deadline.left_s(9.0) == 10.0
    deadline.note('', now_s=15.0)
    assert deadline.left_s(15.0) == 10.0
    deadline.note('', now_s=19.0)
    assert deadline.left_s(25.0) == 0.0


def test_a_copy_that_is_in_no_queue_has_its_time_once():
    deadline = Deadline(10.0, now_s=0.0)
    deadline.note('', now_s=5.0)
    assert deadline.left_s(5.0) == 5.0
