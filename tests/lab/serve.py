# SPDX-License-Identifier: Apache-2.0
"""Serves one WSGI application: ``python -m tests.lab.serve MODULE PORT``.

Keystone's and Glance's WSGI modules parse ``sys.argv`` when they are imported,
so it is emptied first.  On SIGTERM the server finishes the requests it has and
then lets Glance's background threads (imports and copies) finish: Glance waits
for them in an ``atexit`` hook.
"""

import atexit
import importlib
import signal
import sys
from types import FrameType
from typing import Any

from cheroot import wsgi

from tests.lab import sqlite

#: Requests at a time.  An upload holds its thread for as long as it lasts.
THREADS = 16


class Input:
    """A request's body, for the application to read.

    Glance closes it, with which cheroot would close the connection's reading
    half and answer 500 to the next request on it.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def close(self) -> None:
        """Nothing: the connection is the server's."""


class Gateway(wsgi.Gateway_10):
    """cheroot's, with two repairs for uploads of unknown length."""

    def get_environ(self) -> Any:
        environ: Any = super().get_environ()  # type: ignore[no-untyped-call]
        environ['wsgi.input'] = Input(environ['wsgi.input'])
        return environ

    def start_response(self, *arguments: Any, **named: Any) -> Any:
        # What an application has not read of such a body would be taken for
        # the next request.
        if self.req.chunked_read and not self.req.rfile.closed:
            self.req.close_connection = True
        return super().start_response(*arguments, **named)


def main() -> None:
    module, port = sys.argv[1:]
    del sys.argv[1:]
    sqlite.begin_as_writers()
    application = importlib.import_module(module).application
    server = wsgi.Server(
        ('127.0.0.1', int(port)),
        application,
        numthreads=THREADS,
        request_queue_size=128,
        timeout=120,
        shutdown_timeout=20,
    )
    server.gateway = Gateway
    server.max_request_body_size = 0  # no limit

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        server.start()
    finally:
        server.stop()
        # Now, not when the interpreter ends: by then it starts no threads any
        # more, and a copy needs new ones for each of its parts.
        atexit._run_exitfuncs()


if __name__ == '__main__':
    main()
