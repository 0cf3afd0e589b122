# SPDX-License-Identifier: Apache-2.0
"""What one copy came to: a line in the log, and numbers for whoever counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase
from rbd_multistore.glance.image import Image

LOG = logging.getLogger(__name__)

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.CopyStalled, 'stalled'),
    (exceptions.CopyTimeout, 'timeout'),
    (exceptions.CopyNotAllowed, 'refused'),
    (exceptions.CopyFailed, 'failed'),
    (exceptions.ImageError, 'image_gone'),
    (exceptions.GlanceError, 'glance_error'),
    (exceptions.Interrupted, 'interrupted'),
    (KeyboardInterrupt, 'interrupted'),
)


@dataclasses.dataclass(frozen=True)
class Summary:
    """One copy that was followed to its end.

    :ivar size_bytes: bytes of the image
    :ivar seconds: from the first look to the last
    :ivar phases_s: the seconds that each phase was seen for
    :ivar polls: looks at Glance
    :ivar attempts: requests that Glance accepted
    :ivar outcome: ``done``, ``failed``, ``timeout``, ...
    """

    image_id: str
    store: str
    size_bytes: int
    seconds: float
    phases_s: dict[Phase, float]
    polls: int
    attempts: int
    outcome: str

    def __str__(self) -> str:
        """Write it as ``name=value`` pairs."""
        phases = ''.join(
            f' {name.name.lower()}={spent:.2f}'
            for name, spent in self.phases_s.items()
            if name is not Phase.DONE
        )
        return (
            f'copy image={self.image_id} store={self.store} '
            f'bytes={self.size_bytes} seconds={self.seconds:.2f}{phases} '
            f'polls={self.polls} attempts={self.attempts} '
            f'outcome={self.outcome}'
        )


#: Is told of each copy that was followed to its end.
Report = Callable[[Summary], None]


class Account:
    """Counts while a copy is followed."""

    def __init__(self, image: Image, store: str, now_s: float):
        """Begin at *now_s*."""
        self.polls = 0
        self.attempts = 0
        self._image = image
        self._store = store
        self._began_s = now_s
        self._phases_s: dict[Phase, float] = {}
        self._phase: tuple[Phase, float] | None = None

    def elapsed_s(self, now_s: float) -> float:
        """Return the seconds since the beginning."""
        return now_s - self._began_s

    def enter(self, phase: Phase, now_s: float) -> None:
        """Note that the copy is in *phase* at *now_s*."""
        if self._phase is not None:
            before, since_s = self._phase
            spent_s = self._phases_s.get(before, 0.0) + now_s - since_s
            self._phases_s[before] = spent_s
        self._phase = phase, now_s

    def close(self, now_s: float, error: BaseException | None) -> Summary:
        """Write the line, and return what it says."""
        if self._phase is not None:
            self.enter(self._phase[0], now_s)
        summary = Summary(
            image_id=self._image.id,
            store=self._store,
            size_bytes=self._image.size_bytes,
            seconds=self.elapsed_s(now_s),
            phases_s=self._phases_s,
            polls=self.polls,
            attempts=self.attempts,
            outcome=_outcome(error),
        )
        LOG.info('%s', summary)
        return summary


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return 'done'
    for kind, word in _OUTCOMES:
        if isinstance(error, kind):
            return word
    return 'error'
