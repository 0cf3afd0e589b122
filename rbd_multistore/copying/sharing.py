# SPDX-License-Identifier: Apache-2.0
"""Callers in one process that wait for the same copy share one watch of it.

The first of them leads: it asks, and looks at Glance. The others follow:
they are told what the leader sees, each in its own thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Progress, Watch


class Flight:
    """One copy, and those who wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seen: Progress | None = None
        self._ended = False
        self._failure: exceptions.CopyFailed | None = None

    def tell(self, seen: Progress) -> None:
        """Tell the followers what the leader sees."""
        with self._changed:
            self._seen = seen
            self._changed.notify_all()

    def end(self, failure: exceptions.CopyFailed | None) -> None:
        """Tell the followers that the leader has stopped.

        :param failure: what ended the copy for everybody; ``None``: it is
            done, or the leader stopped for a reason of its own
        """
        with self._changed:
            self._failure = failure
            self._ended = True
            self._changed.notify_all()

    def follow(self, watch: Watch, left_s: Callable[[], float]) -> None:
        """Wait until the leader stops.

        :param watch: is told what the leader sees
        :param left_s: gives the seconds that are left to wait, which may
            become more with what the watch was told
        :raises CopyFailed: the copy failed for everybody
        """
        told: Progress | None = None
        while not self._wait(told, left_s()):
            seen = self._seen
            if seen is not None and seen is not told:
                watch(seen)
            told = seen
        if self._failure is not None:
            raise self._failure

    def _wait(self, told: Progress | None, wait_s: float) -> bool:
        """Wait for news; tell whether there is no more to wait for."""
        with self._changed:
            news = self._changed.wait_for(
                lambda: self._ended or self._seen is not told, wait_s
            )
            return self._ended or not news


class Flights:
    """The copies that this process waits for now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[Hashable, Flight] = {}

    def join(self, key: Hashable) -> tuple[Flight, bool]:
        """Return the flight for *key*, and whether the caller leads it."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is not None:
                return flight, False
            flight = self._flying[key] = Flight()
            return flight, True

    @contextlib.contextmanager
    def leading(self, key: Hashable, flight: Flight) -> Iterator[None]:
        """Lead *flight* for the time that the block takes."""
        failure: exceptions.CopyFailed | None = None
        try:
            yield
        except exceptions.CopyFailed as exc:
            failure = exc
            raise
        finally:
            with self._lock:
                del self._flying[key]
            flight.end(failure)
