# SPDX-License-Identifier: Apache-2.0
"""What is to be done next for a copy. Pure: no clock, no service.

What Glance shows of a copy (Glance 33, its source and observed):

* ``os_glance_import_task`` is the lock, one for each image, whichever store
  the copy is for. It is there before a request is answered, and goes when
  the copy has ended, well or not. A Glance that died leaves it; another may
  take it over some time after the task's last update.
* The store joins ``os_glance_importing_to_stores`` a moment after the lock,
  and leaves it when it is done or has failed. When staging failed it stays.
* ``os_glance_failed_import`` names the stores of failed copies, until the
  next copy to the same store begins, a moment after its lock.

So what the lists say of a copy that was asked for counts when the lock is
gone, and while it is held they may tell of an earlier one.
"""

from __future__ import annotations

import dataclasses
import enum

from rbd_multistore.glance.image import Image


class Step(enum.Enum):
    """What is to be done next."""

    #: Every store has the image.
    DONE = enum.auto()
    #: Ask for the image in the stores of the decision.
    ASK = enum.auto()
    #: Look again later.
    WAIT = enum.auto()
    #: The request was carried out, or died, and the stores lack the image.
    ENDED = enum.auto()


@dataclasses.dataclass(frozen=True)
class Request:
    """The latest request of ours for a copy.

    :ivar accepted: Glance said yes; ``False``: its answer was lost, so that
        nobody knows
    :ivar before: the image as it was when the request was sent
    :ivar lock_seen: the lock was seen held since
    """

    accepted: bool
    before: Image
    lock_seen: bool = False

    def after(self, image: Image) -> Request:
        """Return the request as known once *image* was looked at."""
        if not image.lock or self.lock_seen:
            return self
        return dataclasses.replace(self, lock_seen=True)

    def left_its_mark(self, image: Image, stores: frozenset[str]) -> bool:
        """Tell whether *image* shows that a copy to *stores* was begun.

        A copy leaves one of the lists as it enters the other, so that each
        is compared for itself.
        """
        return (
            self.lock_seen
            or image.importing & stores != self.before.importing & stores
            or image.failed & stores != self.before.failed & stores
        )


@dataclasses.dataclass(frozen=True)
class Decision:
    """A step, and the stores that it is about."""

    step: Step
    stores: frozenset[str]


def decide(
    image: Image,
    targets: frozenset[str],
    request: Request | None,
    *,
    lock_expired: bool = False,
    settled: bool = True,
) -> Decision:
    """Decide, from the image as it is now.

    :param targets: the stores that it is to be in
    :param request: our latest request, if its end was not seen yet
    :param lock_expired: Glance would give the lock to whoever asks
    :param settled: an accepted request is old enough for its lock to be
        visible on whichever replica of Glance's database was asked
    """
    missing = targets - image.held_by
    if not missing:
        return Decision(Step.DONE, missing)
    if image.lock and not lock_expired:
        return Decision(Step.WAIT, missing)
    if request is None:
        return Decision(Step.ASK, missing)
    if request.left_its_mark(image, missing):
        return Decision(Step.ENDED, missing)
    if request.accepted:
        return Decision(Step.ENDED if settled else Step.WAIT, missing)
    # Its answer was lost. Where nothing of the image has changed it never
    # arrived; else it is counted as one that did.
    arrived = image.updated_at != request.before.updated_at
    return Decision(Step.ENDED if arrived else Step.ASK, missing)


def why_ended(image: Image, stores: frozenset[str]) -> str:
    """Say what became of a request whose *stores* lack the image."""
    if stores & image.failed:
        return 'Glance reports that it failed'
    if stores & image.importing:
        return 'it died: Glance shows it as running, but no task works on it'
    return 'it died: Glance shows neither the copy nor a failure of it'
