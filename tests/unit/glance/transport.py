# SPDX-License-Identifier: Apache-2.0
"""A transport that gives recorded answers, in the place of the network."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib import parse

import requests
from keystoneauth1 import adapter, session, token_endpoint
from requests import adapters

from tests.unit import recorded

URL = 'http://127.0.0.1:9292'


class Transport(adapters.BaseAdapter):
    """Answers requests as it is told to.

    :ivar asked: what was asked: method, path with query, decoded body
    :ivar tokens: the token of each of those
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens: list[str | None] = []
        self._answers: dict[tuple[str, str], dict[str, Any] | Exception] = {}

    def answer(
        self, method: str, path: str, name: str, **changes: Any
    ) -> None:
        """Answer with a recorded answer, changed where asked to."""
        answer = {**recorded.answer(name), **changes}
        self._answers[method, path] = answer

    def break_off(self, method: str, path: str, error: Exception) -> None:
        """Raise *error*, as requests would, in place of an answer."""
        self._answers[method, path] = error

    def send(
        self, request: requests.PreparedRequest, *_: Any, **__: Any
    ) -> requests.Response:
        place = parse.urlsplit(request.url or '')
        path = place.path + (f'?{place.query}' if place.query else '')
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method or '', path, body))
        self.tokens.append(request.headers.get('X-Auth-Token'))
        answer = self._answers[request.method or '', path]
        if isinstance(answer, Exception):
            raise answer
        return self._response(request, answer)

    def close(self) -> None:
        pass

    def _response(
        self, request: requests.PreparedRequest, answer: dict[str, Any]
    ) -> requests.Response:
        body = answer['body']
        text = body if isinstance(body, str) else json.dumps(body)
        response = requests.Response()
        response.status_code = answer['status']
        response.headers['Content-Type'] = answer['content_type']
        response.headers.update(answer.get('headers', {}))
        response.raw = io.BytesIO(text.encode())
        response.encoding = 'utf-8'
        response.request = request
        response.url = request.url or ''
        return response

    def session(self, auth: Any = None) -> session.Session:
        """Return a session of keystoneauth1's that goes through here."""
        http = requests.Session()
        http.mount('http://', self)
        return session.Session(auth=auth, session=http)

    def endpoint(self) -> adapter.Adapter:
        """Return a way to Glance that goes through here."""
        auth = token_endpoint.Token(URL, 'callers-token')
        return adapter.Adapter(
            session=self.session(auth), auth=auth, service_type='image'
        )
