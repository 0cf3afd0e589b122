# SPDX-License-Identifier: Apache-2.0
"""What a check comes to."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Iterator

from rbd_multistore import exceptions


class Outcome(enum.IntEnum):
    """How it came out; a greater value is worse."""

    OK = 0
    WARNING = 1
    FAILURE = 2


@dataclasses.dataclass(frozen=True)
class Result:
    """What a check came to.

    :ivar check: what was tried
    :ivar detail: what was seen
    :ivar remedy: what to change, and where; empty if nothing
    """

    check: str
    outcome: Outcome
    detail: str
    remedy: str = ''


@dataclasses.dataclass(frozen=True)
class Found:
    """What a check saw; a remedy makes it worse than OK."""

    detail: str
    remedy: str = ''
    outcome: Outcome = Outcome.OK


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing to try.

    :ivar name: what is tried, in a few words
    :ivar remedy: what to change where trying it raises an error
    :ivar attempt: tries it
    :ivar is_gate: whether those that follow in its group need it
    """

    name: str
    remedy: str
    attempt: Callable[[], Found]
    is_gate: bool = False


def warning(detail: str, remedy: str) -> Found:
    """Return what works, but not as it should."""
    return Found(detail, remedy, Outcome.WARNING)


def failure(detail: str, remedy: str) -> Found:
    """Return what does not work."""
    return Found(detail, remedy, Outcome.FAILURE)


def run(group: Iterable[Check]) -> Iterator[Result]:
    """Try what is in *group*, in order, as far as it makes sense."""
    for check in group:
        result = _try(check)
        yield result
        if check.is_gate and result.outcome is Outcome.FAILURE:
            return


def _try(check: Check) -> Result:
    try:
        found = check.attempt()
    except exceptions.RBDMultistoreError as exc:
        return Result(check.name, Outcome.FAILURE, str(exc), check.remedy)
    return Result(check.name, found.outcome, found.detail, found.remedy)
