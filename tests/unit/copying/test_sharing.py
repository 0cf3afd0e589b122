# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from concurrent import futures

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase, Progress
from rbd_multistore.copying.sharing import Flights

SEEN = Progress('image', 'site_a', Phase.STAGING, 1.0, 64)
LONG_S = 60.0


def test_the_first_leads_and_the_others_follow():
    flights = Flights()
    flight, leads = flights.join('image')
    assert leads
    assert flights.join('image') == (flight, False)
    assert flights.join('another')[1]


def test_who_comes_after_the_end_leads_anew():
    flights = Flights()
    flight, _ = flights.join('image')
    with flights.leading('image', flight):
        pass
    again, leads = flights.join('image')
    assert leads
    assert again is not flight


def test_followers_are_told_in_their_own_thread():
    flights = Flights()
    flight, _ = flights.join('image')
    told = threading.Event()
    threads = []

    def watch(seen):
        assert seen is SEEN
        threads.append(threading.current_thread())
        told.set()

    with futures.ThreadPoolExecutor(1) as pool:
        with flights.leading('image', flight):
            follower = pool.submit(flight.follow, watch, lambda: LONG_S)
            flight.tell(SEEN)
            assert told.wait(LONG_S)
        follower.result(LONG_S)
    assert threads != [threading.current_thread()]


def test_a_failure_is_everybodys():
    flights = Flights()
    flight, _ = flights.join('image')
    failure = exceptions.CopyFailed('failed', 'image', 'site_a')
    with futures.ThreadPoolExecutor(4) as pool:
        followers = [
            pool.submit(flight.follow, lambda seen: None, lambda: LONG_S)
            for _ in range(4)
        ]
        with (
            pytest.raises(exceptions.CopyFailed),
            flights.leading('image', flight),
        ):
            raise failure
        assert [f.exception(LONG_S) for f in followers] == [failure] * 4


@pytest.mark.parametrize(
    'reason',
    [
        exceptions.ImageNotFound('withdrawn', 'image'),
        exceptions.CopyTimeout('late', 'image', 'site_a'),
        KeyboardInterrupt(),
    ],
)
def test_a_reason_of_the_leaders_own_is_not(reason):
    flights = Flights()
    flight, _ = flights.join('image')
    with pytest.raises(type(reason)), flights.leading('image', flight):
        raise reason
    flight.follow(lambda seen: None, lambda: LONG_S)
    assert flights.join('image')[1]


def test_a_follower_has_a_deadline_of_its_own():
    flight, _ = Flights().join('image')
    flight.follow(lambda seen: None, lambda: 0.01)
