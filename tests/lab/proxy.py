# SPDX-License-Identifier: Apache-2.0
"""A small HTTP proxy in front of one service, which makes trouble on demand
and remembers what was asked.

A rule names the requests that it is for, and what becomes of them::

    with Proxy(glance_url) as proxy:
        proxy.rule('POST', '/import$', answer(503, {'Retry-After': '2'}), 1)

Requests and answers are held in memory whole: it is not for image data.
"""

import contextlib
import http.client
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

#: Of one connection, so the proxy makes its own.
HOP_BY_HOP = frozenset(
    ('connection', 'content-length', 'keep-alive', 'transfer-encoding')
)


@dataclass(frozen=True)
class Request:
    """A request as it came, except that ``path`` lacks the query."""

    method: str
    path: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float = field(default_factory=time.monotonic)

    @property
    def token(self) -> str:
        return self.headers.get('x-auth-token', '')


@dataclass(frozen=True)
class Answer:
    """An answer.

    :ivar cut: the connection breaks in the middle of the body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b''
    cut: bool = False


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer to it; None if it was left without one."""

    request: Request
    answer: Answer | None

    @property
    def status(self) -> int:
        return self.answer.status if self.answer else 0


#: Gives the answer of the service behind the proxy.
Forward = Callable[[Request], Answer]

#: What becomes of a request.  None: the connection is dropped.
Act = Callable[[Request, Forward], Answer | None]


def passed_on(request: Request, forward: Forward) -> Answer | None:
    return forward(request)


def dropped(request: Request, forward: Forward) -> Answer | None:
    """The service never hears of the request."""
    return None


def unanswered(request: Request, forward: Forward) -> Answer | None:
    """The service hears of the request; who asked never learns."""
    forward(request)
    return None


def cut_short(request: Request, forward: Forward) -> Answer | None:
    """As where the service is killed while it answers."""
    return replace(forward(request), cut=True)


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer as a proxy or a load balancer makes it by itself."""
    return Answer(
        status,
        {'Content-Type': 'text/html', **(headers or {})},
        b'<html><body><h1>made by the proxy</h1></body></html>',
    )


def answer(status: int, headers: Mapping[str, str] | None = None) -> Act:
    """Answer in the service's place."""
    made = refusal(status, headers)
    return lambda request, forward: made


def delayed(seconds: float) -> Act:
    """Let the service hear of it later."""

    def act(request: Request, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward(request)

    return act


def gathered(parties: int, timeout_s: float = 100.0) -> Act:
    """Pass requests on only when ``parties`` of them are there."""
    barrier = threading.Barrier(parties)

    def act(request: Request, forward: Forward) -> Answer:
        barrier.wait(timeout_s)
        return forward(request)

    return act


@dataclass
class Rule:
    """What becomes of the next ``times`` requests that match.

    :ivar taken: how many have so far.
    """

    methods: str
    path: str
    act: Act
    times: float
    taken: int = 0

    def takes(self, request: Request) -> bool:
        return self.taken < self.times and matches(
            request, self.methods, self.path
        )


def matches(request: Request, methods: str, path: str) -> bool:
    """Both are regular expressions: of all of the method, and of something
    in the path."""
    return (
        re.fullmatch(methods, request.method) is not None
        and re.search(path, request.path) is not None
    )


class Proxy:
    """The proxy; it serves for the time of a ``with`` block.

    :ivar exchanges: all that was asked, in the order of the answers.
    """

    def __init__(self, upstream_url: str) -> None:
        upstream = urllib.parse.urlsplit(upstream_url)
        self.exchanges: list[Exchange] = []
        self._upstream = (upstream.hostname or '', upstream.port or 80)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(('127.0.0.1', 0), self._handle)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self._server.server_address[1]}'

    def __enter__(self) -> 'Proxy':
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def rule(
        self, methods: str, path: str, act: Act, times: float = float('inf')
    ) -> Rule:
        """The first rule that matches and is not used up is followed; see
        :func:`matches`."""
        rule = Rule(methods, path, act, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def seen(self, methods: str, path: str) -> list[Exchange]:
        """The exchanges whose request matches; see :func:`matches`."""
        with self._lock:
            return [
                exchange
                for exchange in self.exchanges
                if matches(exchange.request, methods, path)
            ]

    def _handle(self, request: Request) -> Answer | None:
        made = self._act_for(request)(request, self._forward)
        with self._lock:
            self.exchanges.append(Exchange(request, made))
        return made

    def _act_for(self, request: Request) -> Act:
        with self._lock:
            for rule in self._rules:
                if rule.takes(request):
                    rule.taken += 1
                    return rule.act
        return passed_on

    def _forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(*self._upstream, timeout=120)
        with contextlib.closing(connection):
            connection.request(
                request.method,
                request.target,
                request.body or None,
                _end_to_end(request.headers),
            )
            got = connection.getresponse()
            body = got.read()
            return Answer(got.status, _end_to_end(dict(got.headers)), body)


class _Server(ThreadingHTTPServer):
    """Closes the connections that clients keep open when it is closed."""

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        handle: Callable[[Request], Answer | None],
    ) -> None:
        self.handle_request_of_client = handle
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, form: str, *arguments: object) -> None:
        """Nothing: what was asked is in ``Proxy.exchanges``."""

    def _serve(self) -> None:
        length = int(self.headers.get('Content-Length', 0))
        request = Request(
            self.command,
            self.path.partition('?')[0],
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        made: Answer | None = None
        with contextlib.suppress(OSError, http.client.HTTPException):
            made = self.server.handle_request_of_client(request)
        if made is None:
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self._send(made)

    def _send(self, made: Answer) -> None:
        self.send_response_only(made.status)
        for name, value in made.headers.items():
            self.send_header(name, value)
        if made.status != http.client.NO_CONTENT:
            self.send_header('Content-Length', str(len(made.body)))
        self.end_headers()
        if made.cut:
            self.close_connection = True
            self.wfile.write(made.body[: len(made.body) // 2])
        else:
            self.wfile.write(made.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in HOP_BY_HOP
    }
