# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, with a deadline."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

T = TypeVar('T')


class TimedOut(Exception):
    """The condition did not become true before its deadline."""


def until(
    condition: Callable[[], T | None],
    what: str,
    *,
    timeout_s: float = 120.0,
    pause_s: float = 0.1,
    ignore: tuple[type[Exception], ...] = (),
) -> T:
    """Return the first true answer of ``condition``.

    :param what: what is waited for, for the error's text.
    :param timeout_s: seconds after which :class:`TimedOut` is raised.
    :param pause_s: seconds between two looks.
    :param ignore: errors that mean "not yet".
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(timeout_s),
        wait=tenacity.wait_fixed(pause_s),
        retry=tenacity.retry_if_result(lambda answer: not answer)
        | tenacity.retry_if_exception_type(ignore),
    )
    try:
        answer = retrying(condition)
    except tenacity.RetryError as exc:
        cause = exc.last_attempt.exception()
        detail = f' (last error: {cause!r})' if cause else ''
        raise TimedOut(f'no {what} after {timeout_s:g} s{detail}') from cause
    assert answer is not None
    return answer
