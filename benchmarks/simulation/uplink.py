# SPDX-License-Identifier: Apache-2.0
"""The way from the central site to all others, shared by its streams."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator

import simpy


class Uplink:
    """Carries streams side by side, each at the same rate.

    All streams have carried :attr:`_each` bytes since the beginning, so that
    one that starts now ends when that has grown by its size.

    :ivar carried_bytes: of all streams that were begun
    """

    def __init__(
        self, env: simpy.Environment, all_bytes_s: float, one_bytes_s: float
    ):
        """Share *all_bytes_s*, of which a stream uses *one_bytes_s*."""
        self.carried_bytes = 0
        self._env = env
        self._all_bytes_s = all_bytes_s
        self._one_bytes_s = one_bytes_s
        self._streams: list[tuple[float, int, simpy.Event]] = []
        self._numbers = itertools.count()
        self._each = 0.0
        self._each_at_s = 0.0
        self._plan = 0

    def carry(self, size_bytes: int) -> simpy.Event:
        """Return an event that comes when *size_bytes* are carried."""
        self._advance()
        self.carried_bytes += size_bytes
        end = self._env.event()
        stream = self._each + size_bytes, next(self._numbers), end
        heapq.heappush(self._streams, stream)
        self._replan()
        return end

    def _rate_bytes_s(self) -> float:
        share = self._all_bytes_s / max(len(self._streams), 1)
        return min(share, self._one_bytes_s)

    def _advance(self) -> None:
        passed_s = self._env.now - self._each_at_s
        self._each += passed_s * self._rate_bytes_s()
        self._each_at_s = self._env.now

    def _replan(self) -> None:
        """Wait for the stream that ends next, and for no other."""
        self._plan += 1
        if self._streams:
            left_bytes = max(self._streams[0][0] - self._each, 0.0)
            left_s = left_bytes / self._rate_bytes_s()
            self._env.process(self._end_next(self._plan, left_s))

    def _end_next(
        self, plan: int, left_s: float
    ) -> Generator[simpy.Event, None, None]:
        yield self._env.timeout(left_s)
        if plan == self._plan:
            self._advance()
            heapq.heappop(self._streams)[2].succeed()
            self._replan()
