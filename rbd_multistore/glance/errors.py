# SPDX-License-Identifier: Apache-2.0
"""glanceclient's and keystoneauth1's errors, as ours."""

from __future__ import annotations

import contextlib
import email.utils
import re
import time
from collections.abc import Iterator

import requests
from glanceclient import exc as glance_exc
from keystoneauth1 import exceptions as ksa_exc

from rbd_multistore import exceptions
from rbd_multistore.glance.image import not_found

_PASSING = frozenset({429, 500, 502, 503, 504})
# The passing ones that glanceclient has an error for.
_KNOWN = frozenset({500, 502, 503})

_BY_CODE: dict[int, type[exceptions.GlanceError]] = {
    401: exceptions.GlanceUnauthorized,
    403: exceptions.GlanceForbidden,
    409: exceptions.GlanceConflict,
    413: exceptions.GlanceOverQuota,
}


@contextlib.contextmanager
def translated(doing: str, image: str = '') -> Iterator[None]:
    """Raise our errors in place of the clients' while *doing* something.

    :param doing: what is being done, as it completes "Glance refused to ..."
    :param image: the image's id or name, where a 404 means that it is not
        there
    :raises ImageNotFound: 404
    :raises GlanceUnauthorized: 401, or Keystone refused the credentials
    :raises GlanceForbidden: 403
    :raises GlanceConflict: 409
    :raises GlanceOverQuota: 413
    :raises GlanceUnavailable: no answer, 429 or 5xx
    :raises GlanceInvalid: any other answer that is an error
    """
    try:
        yield
    except glance_exc.HTTPNotFound as exc:
        if image:
            raise not_found(image) from exc
        raise _by_status(doing, exc) from exc
    except ksa_exc.NotFound as exc:
        # glanceclient raises its own, so that this is Keystone's: so it
        # answers who wants to renew a token that has expired.
        raise exceptions.GlanceUnauthorized(
            f'Keystone does not know the token, or auth_url is wrong, to '
            f'{doing}: {_words(exc)}'
        ) from exc
    except (glance_exc.HTTPException, ksa_exc.HttpError) as exc:
        raise _by_status(doing, exc) from exc
    except (
        ksa_exc.ConnectFailure,
        ksa_exc.RetriableConnectionFailure,
        ksa_exc.UnknownConnectionError,
        requests.RequestException,
        glance_exc.CommunicationError,
        glance_exc.InvalidEndpoint,
    ) as exc:
        raise exceptions.GlanceUnavailable(
            f'No answer from Glance or Keystone to {doing}: {_words(exc)}. '
            'See that the service runs and that auth_url is right.'
        ) from exc
    except (
        ksa_exc.ClientException,
        glance_exc.ClientException,
        glance_exc.BaseException,
    ) as exc:
        raise exceptions.GlanceInvalid(
            f'Cannot {doing}: {_words(exc)}'
        ) from exc


def mend_answer(response: requests.Response, **_kwargs: object) -> None:
    """Keep what glanceclient would lose of an answer.

    A hook for a ``requests`` session. glanceclient hands no header on, has
    no error for 429 and 504, and looks for a type in whatever a proxy sent.

    :raises GlanceUnavailable: a passing error, with ``Retry-After`` or of a
        status that glanceclient does not know
    """
    response.headers.setdefault('Content-Type', 'text/plain')
    status = response.status_code
    told = response.headers.get('Retry-After')
    if status not in _PASSING or (told is None and status in _KNOWN):
        return
    where = response.url.partition('?')[0]
    if told is None:
        raise exceptions.GlanceUnavailable(
            f'{where} answered {status}, which passes. Try again.'
        )
    seconds = _seconds(told)
    raise exceptions.GlanceUnavailable(
        f'{where} answered {status} and asks to be left alone for '
        f'{seconds:g} s.',
        retry_after_s=seconds,
    )


def _seconds(told: str) -> float:
    """Return what ``Retry-After`` says, a number or a date, in seconds."""
    if told.strip().isdecimal():
        return float(told)
    try:
        until = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return 0.0
    return max(until.timestamp() - time.time(), 0.0)


def _by_status(
    doing: str, exc: glance_exc.HTTPException | ksa_exc.HttpError
) -> exceptions.GlanceError:
    code = _code(exc)
    if code in _PASSING:
        kind: type[exceptions.GlanceError] = exceptions.GlanceUnavailable
    else:
        kind = _BY_CODE.get(code, exceptions.GlanceInvalid)
    return kind(f'Glance refused to {doing} ({code}): {_words(exc)}')


def _code(exc: glance_exc.HTTPException | ksa_exc.HttpError) -> int:
    code = str(getattr(exc, 'code', '') or getattr(exc, 'http_status', ''))
    return int(code) if code.isdigit() else 0


def _words(exc: Exception) -> str:
    """Return the reason on one line, without the page it may come in."""
    text = getattr(exc, 'details', None) or str(exc)
    text = re.sub(r'<[^>]*>', ' ', str(text))
    return ' '.join(text.split()) or type(exc).__name__
