# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import email.utils
import inspect
import io
import time

import pytest
import requests
from glanceclient import exc as glance_exc
from keystoneauth1 import exceptions as ksa_exc

from rbd_multistore import exceptions
from rbd_multistore.glance import errors

BY_STATUS = {
    300: exceptions.GlanceInvalid,
    400: exceptions.GlanceInvalid,
    401: exceptions.GlanceUnauthorized,
    402: exceptions.GlanceInvalid,
    403: exceptions.GlanceForbidden,
    404: exceptions.ImageNotFound,
    405: exceptions.GlanceInvalid,
    406: exceptions.GlanceInvalid,
    407: exceptions.GlanceInvalid,
    408: exceptions.GlanceInvalid,
    409: exceptions.GlanceConflict,
    410: exceptions.GlanceInvalid,
    411: exceptions.GlanceInvalid,
    412: exceptions.GlanceInvalid,
    413: exceptions.GlanceOverQuota,
    414: exceptions.GlanceInvalid,
    415: exceptions.GlanceInvalid,
    416: exceptions.GlanceInvalid,
    417: exceptions.GlanceInvalid,
    422: exceptions.GlanceInvalid,
    429: exceptions.GlanceUnavailable,
    500: exceptions.GlanceUnavailable,
    501: exceptions.GlanceInvalid,
    502: exceptions.GlanceUnavailable,
    503: exceptions.GlanceUnavailable,
    504: exceptions.GlanceUnavailable,
    505: exceptions.GlanceInvalid,
}


def below(root: type[Exception]) -> list[type[Exception]]:
    found = [root]
    for cls in root.__subclasses__():
        found += below(cls)
    return found


GLANCE_HTTP = [
    cls
    for cls in below(glance_exc.HTTPException)
    if cls.__module__ == glance_exc.__name__
    # Deprecated; never raised by itself.
    and cls is not glance_exc.NotFound
]
KSA = [
    cls
    for cls in dict.fromkeys(below(ksa_exc.ClientException))
    if cls.__module__.startswith('keystoneauth1.exceptions')
]
KSA_HTTP = [cls for cls in KSA if issubclass(cls, ksa_exc.HttpError)]
KSA_OTHER = [cls for cls in KSA if not issubclass(cls, ksa_exc.HttpError)]


def made(cls: type[Exception]) -> Exception:
    """Make an error of a class whose arguments its module keeps to itself."""
    if cls is ksa_exc.MissingAuthMethods:
        answer = requests.Response()
        answer.raw = io.BytesIO(
            b'{"receipt": {"methods": [], "expires_at": "2026-11-21T07:28Z"},'
            b' "required_auth_methods": []}'
        )
        return cls(answer)
    if cls is ksa_exc.MissingRequiredOptions:
        return cls([])
    needed = {
        name: f'its {name}'
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    return cls(**needed)


def translation(error: Exception) -> exceptions.RBDMultistoreError:
    with (
        pytest.raises(exceptions.RBDMultistoreError) as caught,
        errors.translated('do the thing', 'an-image'),
    ):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize('cls', GLANCE_HTTP, ids=lambda cls: cls.__name__)
def test_each_http_error_of_glanceclient(cls: type[Exception]) -> None:
    code = cls.code  # type: ignore[attr-defined]
    wanted = BY_STATUS[code] if code != 'N/A' else exceptions.GlanceInvalid
    assert type(translation(cls())) is wanted


@pytest.mark.parametrize('cls', KSA_HTTP, ids=lambda cls: cls.__name__)
def test_each_http_error_of_keystoneauth(cls: type[Exception]) -> None:
    code = cls.http_status  # type: ignore[attr-defined]
    raised = translation(cls())
    wanted = BY_STATUS[code] if code else exceptions.GlanceInvalid
    if code == 404:
        # Keystone's: it says so of a token that has expired.
        wanted = exceptions.GlanceUnauthorized
    assert type(raised) is wanted


def test_status_of_a_class_that_names_none() -> None:
    error = ksa_exc.HttpError(http_status=503, message='later')
    assert type(translation(error)) is exceptions.GlanceUnavailable


NO_ANSWER = {
    'ConnectFailure',
    'ConnectTimeout',
    'UnknownConnectionError',
    'RetriableConnectionFailure',
}


@pytest.mark.parametrize('cls', KSA_OTHER, ids=lambda cls: cls.__name__)
def test_each_other_error_of_keystoneauth(cls: type[Exception]) -> None:
    raised = translation(made(cls))
    if cls.__name__ in NO_ANSWER:
        assert type(raised) is exceptions.GlanceUnavailable
    else:
        assert type(raised) is exceptions.GlanceInvalid


@pytest.mark.parametrize(
    ('error', 'wanted'),
    [
        (glance_exc.CommunicationError, exceptions.GlanceUnavailable),
        (glance_exc.InvalidEndpoint, exceptions.GlanceUnavailable),
        (glance_exc.CommandError, exceptions.GlanceInvalid),
        (glance_exc.SSLCertificateError, exceptions.GlanceInvalid),
        (glance_exc.SSLConfigurationError, exceptions.GlanceInvalid),
    ],
)
def test_other_errors_of_glanceclient(
    error: type[Exception], wanted: type[Exception]
) -> None:
    assert type(translation(error('why'))) is wanted  # type: ignore[call-arg]


def test_message_says_what_and_why_on_one_line() -> None:
    error = glance_exc.HTTPConflict('<p>Image has\n active task<br /></p>\n')
    message = str(translation(error))
    assert (
        message
        == 'Glance refused to do the thing (409): Image has active task'
    )


def test_message_without_any_reason() -> None:
    assert str(translation(glance_exc.CommunicationError('<br/>'))).endswith(
        'CommunicationError. See that the service runs and that auth_url is '
        'right.'
    )


def test_not_found_names_the_image() -> None:
    raised = translation(glance_exc.HTTPNotFound('No image'))
    assert isinstance(raised, exceptions.ImageNotFound)
    assert raised.image_id == 'an-image'
    assert 'an-image' in str(raised)


def test_not_found_where_no_image_was_asked_for() -> None:
    with (
        pytest.raises(exceptions.GlanceInvalid, match='list the stores'),
        errors.translated('list the stores'),
    ):
        raise glance_exc.HTTPNotFound('Multi backend is not supported')


def test_ours_and_strangers_pass() -> None:
    ours = exceptions.ImageNotActive('no', 'an-image')
    for error in (ours, KeyError('x')):
        with (
            pytest.raises(type(error)) as caught,
            errors.translated('do the thing'),
        ):
            raise error
        assert caught.value is error


def _answer(status: int, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.url = 'http://glance/v2/images/x?limit=1'
    response.headers.update(
        {name.replace('_', '-'): value for name, value in headers.items()}
    )
    return response


@pytest.mark.parametrize('status', [429, 504])
def test_an_error_that_glanceclient_does_not_know_passes(status: int) -> None:
    with pytest.raises(exceptions.GlanceUnavailable) as caught:
        errors.mend_answer(_answer(status))
    assert str(caught.value) == (
        f'http://glance/v2/images/x answered {status}, which passes. '
        'Try again.'
    )
    assert caught.value.retry_after_s == 0.0


@pytest.mark.parametrize('status', [429, 500, 502, 503, 504])
def test_an_answer_that_asks_to_wait_is_heeded(status: int) -> None:
    with pytest.raises(exceptions.GlanceUnavailable) as caught:
        errors.mend_answer(_answer(status, Retry_After='7'))
    assert caught.value.retry_after_s == 7.0


def test_a_date_to_wait_for_is_heeded() -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    with pytest.raises(exceptions.GlanceUnavailable) as caught:
        errors.mend_answer(_answer(503, Retry_After=date))
    assert 90 < caught.value.retry_after_s <= 100


@pytest.mark.parametrize('told', ['soon', 'Thu, 01 Jan 1970 00:00:00 GMT'])
def test_a_date_that_says_nothing_is_no_time(told: str) -> None:
    with pytest.raises(exceptions.GlanceUnavailable) as caught:
        errors.mend_answer(_answer(503, Retry_After=told))
    assert caught.value.retry_after_s == 0.0


@pytest.mark.parametrize(
    'answer', [_answer(200), _answer(404), _answer(503), _answer(403)]
)
def test_an_answer_without_a_type_gets_one(answer: requests.Response) -> None:
    errors.mend_answer(answer)
    assert answer.headers['content-type'] == 'text/plain'
