# SPDX-License-Identifier: Apache-2.0
"""How far a copy is, for people, for logs and for the stall timer."""

from __future__ import annotations

import collections
import dataclasses
import enum
from collections.abc import Callable

from oslo_utils import units

# Seconds that a rate is measured over, if there were looks enough.
_WINDOW_S = 10.0

# Bytes a second that Glance must move at least while it stages an image,
# which it says nothing of.
_UNSEEN_BYTES_S = 20 * units.Mi


class Phase(enum.Enum):
    """What a copy is seen to do, as a person reads it."""

    QUEUED = 'queued behind another copy'
    STAGING = 'staging'
    UPLOADING = 'uploading'
    #: Staging or uploading, in a cluster that is not ours to see.
    COPYING = 'copying'
    FINISHING = 'finishing'
    DONE = 'done'


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a copy is.

    :ivar store: where it goes
    :ivar phase: what it is seen to do
    :ivar elapsed_s: seconds since it was first waited for
    :ivar total_bytes: bytes of the image
    :ivar written_bytes: bytes that are in the store; ``None``: not known
    :ivar behind: the lock and the stores of the copies before this one;
        empty: none
    :ivar rate_bytes_s: bytes a second, of late; ``None``: not known
    """

    image_id: str
    store: str
    phase: Phase
    elapsed_s: float
    total_bytes: int
    written_bytes: int | None = None
    rate_bytes_s: float | None = None
    behind: str = ''

    @property
    def left_s(self) -> float | None:
        """Seconds that the upload still takes at its rate, if known."""
        if not self.rate_bytes_s or self.written_bytes is None:
            return None
        return (self.total_bytes - self.written_bytes) / self.rate_bytes_s

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.written_bytes is None:
            return self.phase.value
        words = (
            f'{self.phase.value} {self.written_bytes / units.Mi:.0f} of '
            f'{self.total_bytes / units.Mi:.0f} MiB'
        )
        if self.rate_bytes_s and self.left_s is not None:
            rate = self.rate_bytes_s / units.Mi
            words += f', {rate:.1f} MiB/s, {self.left_s:.0f} s left'
        return words


Watch = Callable[[Progress], None]


class Meter:
    """Measures the rate of an upload from the looks that were had at it."""

    def __init__(self) -> None:
        self._looks: collections.deque[tuple[float, int]] = collections.deque()

    def rate_bytes_s(self, now_s: float, written_bytes: int) -> float | None:
        """Take a look at *now_s* into account; return bytes a second.

        The rate is that of the last looks, so that an upload which has
        stopped is seen to have stopped. ``None``: it is the first look, or
        an upload began anew.
        """
        if self._looks and written_bytes < self._looks[-1][1]:
            self._looks.clear()
        self._looks.append((now_s, written_bytes))
        while len(self._looks) > 2 and self._looks[1][0] <= now_s - _WINDOW_S:
            self._looks.popleft()
        since_s, had_bytes = self._looks[0]
        if now_s <= since_s:
            return None
        return (written_bytes - had_bytes) / (now_s - since_s)


class StallTimer:
    """Tells when nothing at all has changed for too long."""

    def __init__(self, limit_s: float, now_s: float):
        """Start at *now_s*; *limit_s* seconds are too long, 0: never."""
        self._limit_s = limit_s
        self._changed_s = now_s
        self._seen: object = None

    def is_stalled(
        self, now_s: float, seen: object, unseen_bytes: int = 0
    ) -> bool:
        """Tell whether *seen* has been the same for too long.

        :param unseen_bytes: bytes that are on their way where nobody can see
            them; they are given time of their own
        """
        if seen != self._seen:
            self._seen = seen
            self._changed_s = now_s
        if self._limit_s <= 0:
            return False
        limit_s = self._limit_s + unseen_bytes / _UNSEEN_BYTES_S
        return now_s - self._changed_s >= limit_s
