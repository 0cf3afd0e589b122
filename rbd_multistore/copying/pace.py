# SPDX-License-Identifier: Apache-2.0
"""When to look again. Pure, but for the dice that it is handed."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_S = 0.3
_AGAIN_S = 0.15
_GROWTH = 1.6
_JITTER = 0.1


class Pace:
    """Pauses between looks at Glance: short at first, then longer.

    The growth and the one :meth:`restart` of a copy keep the looks at a copy
    of ``d`` seconds under ``20 + d / longest_s``.
    """

    def __init__(self, longest_s: float, dice: Callable[[], float]):
        """Grow up to *longest_s* seconds.

        :param dice: gives numbers from 0 to 1; hosts that were started
            together must not stay in step
        """
        self._longest_s = longest_s
        self._dice = dice
        self._next_s = _FIRST_S
        self._scattered = False

    def next_s(self) -> float:
        """Return the next pause, in seconds."""
        if self._next_s >= self._longest_s:
            return self._long_s()
        pause_s = self._next_s
        self._next_s *= _GROWTH
        return pause_s * (1 - _JITTER * self._dice())

    def _long_s(self) -> float:
        """Return the longest pause; once, any part of it.

        A thousand hosts that were asked to boot in one second have come
        here almost together. In a simulation they stayed so, and found a
        free lock late and all at once; scattered, they do not.
        """
        if self._scattered:
            return self._longest_s
        self._scattered = True
        return self._longest_s * self._dice()

    def restart(self) -> None:
        """Begin again with short pauses: the end is near."""
        self._next_s = _AGAIN_S


def cluster_pause_s(elapsed_s: float) -> float:
    """Return the pause between two looks at our own cluster, in seconds.

    A look costs the cluster some milliseconds, so there are many; but a long
    copy need not be seen to end within half a second. Three hundredths of
    the time that it took already keep the loss under 5 %.
    """
    return min(max(0.5, 0.03 * elapsed_s), 10.0)


class Deadline:
    """The time until which a copy is waited for.

    Glance copies an image to one store after another. While the copies of
    others are waited for, the time begins anew with each of them, and once
    more with ours: it is meant for one copy, and a queue that moves is alive.
    """

    def __init__(self, limit_s: float, now_s: float):
        """Wait *limit_s* seconds from *now_s* on."""
        self._limit_s = limit_s
        self._behind = ''
        self._until_s = now_s + limit_s

    def note(self, behind: str, now_s: float) -> None:
        """Note which copies ours is queued behind, in any form; '' if none."""
        if behind != self._behind:
            self._behind = behind
            self._until_s = now_s + self._limit_s

    def left_s(self, now_s: float) -> float:
        """Return the seconds that are left; 0 or less: none."""
        return self._until_s - now_s
