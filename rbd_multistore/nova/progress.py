# SPDX-License-Identifier: Apache-2.0
"""Shows on an instance how far the copy is that it waits for.

Nova's API lets a driver say it by ``progress``, in percent, which a server
shows while it is built, rebuilt or resized.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from rbd_multistore.copying.progress import Progress

LOG = logging.getLogger(__name__)

_LOG_INTERVAL_S = 30.0
# Each save is a message to the conductor.
_SAVE_INTERVAL_S = 5.0


class Shown:
    """A watch for one instance."""

    def __init__(
        self,
        instance: Any,
        deleted: tuple[type[Exception], ...],
        now_s: Callable[[], float] = time.monotonic,
    ):
        """Show it on *instance*; ``None``: in the log alone.

        :param deleted: what Nova raises where the instance is being deleted
        """
        self._instance = instance
        self._deleted = deleted
        self._now_s = now_s
        self._logged_s = self._saved_s = now_s()

    def __call__(self, seen: Progress) -> None:
        """Show it, unless it was shown just now.

        What Nova raises of a deletion passes, so that the wait ends.
        """
        now_s = self._now_s()
        if now_s - self._logged_s >= _LOG_INTERVAL_S:
            self._logged_s = now_s
            LOG.info(
                'Waiting for image %s in store %s: %s',
                seen.image_id,
                seen.store,
                seen,
                instance=self._instance,
            )
        if self._instance and now_s - self._saved_s >= _SAVE_INTERVAL_S:
            self._saved_s = now_s
            self._save(_percent(seen))

    def end(self) -> None:
        """Have the instance show nothing more; Nova saves it."""
        if self._instance and self._instance.progress:
            self._instance.progress = 0

    def _save(self, percent: int) -> None:
        instance = self._instance
        instance.progress = percent
        try:
            # This is also how a build hears that its instance was deleted.
            instance.save(expected_task_state=[instance.task_state])
        except self._deleted:
            raise
        except Exception as exc:
            # The conductor may be away for a while: the copy goes on. It
            # took a minute to learn that, perhaps.
            self._saved_s = self._now_s()
            LOG.warning(
                'The progress is not shown: %s', exc, instance=instance
            )


def _percent(seen: Progress) -> int:
    if not seen.total_bytes or seen.written_bytes is None:
        return 0
    return min(99, seen.written_bytes * 100 // seen.total_bytes)
