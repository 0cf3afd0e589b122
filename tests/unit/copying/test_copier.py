# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from concurrent import futures

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.copier import Copier
from rbd_multistore.copying.lead import Limits
from rbd_multistore.glance.client import Store
from tests.unit.copying.world import Clock, Playback, image, stages

LONG_S = 60.0
A = frozenset({'site_a'})
COPYING = image(importing=('site_a',), lock='t')
THERE = image(('central', 'site_a'))


class Glance(Playback):
    """Adds the stores, and counts who asks for them."""

    def __init__(self, *args, stores=('central', 'site_a'), **kwargs):
        super().__init__(*args, **kwargs)
        self.listed = 0
        self._stores = stores

    def stores(self):
        self.listed += 1
        return tuple(Store(name, False, False) for name in self._stores)


def _copier(clock: Clock, reports=None, limits=None) -> Copier:
    return Copier(
        'site_a',
        limits or Limits(),
        uploads=lambda images: None,
        clear_the_way=lambda images, seen: '',
        report=(reports if reports is not None else []).append,
        clock=clock.time(),
    )


def test_brings_and_reports():
    clock, reports = Clock(), []
    glance = Glance(clock, stages((0, image()), (0.1, COPYING), (5, THERE)))
    copier = _copier(clock, reports)
    assert copier.bring(glance, image(), A, lambda seen: None) == THERE
    assert [report.outcome for report in reports] == ['done']


def test_an_image_that_is_there_costs_nothing():
    clock = Clock()
    glance = Glance(clock, stages((0, THERE)))
    assert _copier(clock).bring(glance, THERE, A, print) is THERE
    assert (glance.asked, glance.looked_s, glance.listed) == ([], [], 0)


def test_an_unknown_store_is_told_with_those_that_are():
    clock = Clock()
    glance = Glance(clock, stages((0, image())))
    with pytest.raises(exceptions.StoreUnknown, match='central, site_a'):
        _copier(clock).bring(
            glance, image(), frozenset({'site_x'}), lambda seen: None
        )
    assert glance.asked == []


def test_the_stores_are_asked_for_once():
    clock = Clock()
    glance = Glance(clock, stages((0, image()), (0.1, COPYING), (5, THERE)))
    copier = _copier(clock)
    for _ in range(2):
        clock.now_s = 0.0
        copier.bring(glance, image(), A, lambda seen: None)
    assert glance.listed == 1


def test_only_asks():
    clock = Clock()
    glance = Glance(clock, stages((0, image())))
    _copier(clock).ask(glance, image(), A)
    assert (len(glance.asked), glance.looked_s) == (1, [])


class Slow(Glance):
    """Shows the copy as running until it is let go."""

    def __init__(self, clock):
        super().__init__(clock, self._now)
        self.released = threading.Event()
        self.waited_for = threading.Event()

    def _now(self, now_s):
        if self.released.is_set():
            return THERE
        return COPYING

    def image_again(self, seen):
        self.waited_for.set()
        self.released.wait(LONG_S)
        return super().image_again(seen)


def test_callers_share_one_watch():
    clock = Clock()
    glance = Slow(clock)
    copier = _copier(clock, limits=Limits(timeout_s=3600.0))
    arrived = threading.Barrier(9)

    def bring():
        arrived.wait(LONG_S)
        return copier.bring(glance, COPYING, A, lambda seen: None)

    with futures.ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(bring) for _ in range(8)]
        arrived.wait(LONG_S)
        assert glance.waited_for.wait(LONG_S)
        glance.released.set()
        assert all(caller.result(LONG_S) == THERE for caller in callers)
    # One watch, and at most one look of each caller with its own eyes.
    assert len(glance.looked_s) <= 2 + 7


def test_a_follower_takes_over_from_a_leader_that_gave_up():
    clock = Clock()
    withdrawn = Slow(clock)
    glance = Glance(clock, stages((0, COPYING), (5, THERE)))
    copier = _copier(clock)

    def gone(seen):
        withdrawn.waited_for.set()
        withdrawn.released.wait(LONG_S)
        raise exceptions.ImageNotFound('withdrawn', seen.id)

    withdrawn.image_again = gone
    with futures.ThreadPoolExecutor(2) as pool:
        leader = pool.submit(
            copier.bring, withdrawn, COPYING, A, lambda seen: None
        )
        assert withdrawn.waited_for.wait(LONG_S)
        follower = pool.submit(
            copier.bring, glance, COPYING, A, lambda seen: None
        )
        withdrawn.released.set()
        assert isinstance(leader.exception(LONG_S), exceptions.ImageNotFound)
        assert follower.result(LONG_S) == THERE


def test_a_follower_whose_time_is_up_still_takes_what_is_there():
    clock = Clock()
    slow = Slow(clock)
    glance = Glance(clock, stages((0, THERE)))
    copier = _copier(clock, limits=Limits(timeout_s=5.0))

    def away(seen):
        slow.waited_for.set()
        slow.released.wait(LONG_S)
        raise exceptions.ImageNotFound('withdrawn', seen.id)

    slow.image_again = away
    with futures.ThreadPoolExecutor(2) as pool:
        leader = pool.submit(copier.bring, slow, COPYING, A, lambda seen: None)
        assert slow.waited_for.wait(LONG_S)
        follower = pool.submit(
            copier.bring, glance, COPYING, A, lambda seen: None
        )
        clock.now_s += 100.0
        slow.released.set()
        assert follower.result(LONG_S) == THERE
        assert leader.exception(LONG_S) is not None
