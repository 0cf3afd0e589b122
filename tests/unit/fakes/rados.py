# SPDX-License-Identifier: Apache-2.0
"""Stands in for librados' bindings.

Error classes and numbers as in those of Ceph 16.2.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.unit.fakes import objclass
from tests.unit.fakes.server import CephServer


class Error(Exception):
    words: ClassVar[str] = ''

    def __init__(self, message: str, errno: int | None = None):
        said = f'{self.words} ({message})' if self.words else message
        super().__init__(said)
        self.errno = errno

    def __str__(self) -> str:
        said = super().__str__()
        return said if self.errno is None else f'[errno {self.errno}] {said}'


class InvalidArgumentError(Error):
    words = 'RADOS invalid argument'


class ExtendMismatch(Error):
    words = 'object content does not match'

    def __init__(self, message: str, errno: int, offset: int):
        super().__init__(message, errno)
        self.offset = offset


class OSError(Error): ...


class InterruptedOrTimeoutError(OSError):
    words = 'RADOS interrupted or timeout'


class PermissionError(OSError):
    words = 'RADOS permission error'


class PermissionDeniedError(OSError):
    words = 'RADOS permission denied'


class ObjectNotFound(OSError):
    words = 'RADOS object not found'


class NoData(OSError):
    words = 'RADOS no data'


class ObjectExists(OSError):
    words = 'RADOS object exists'


class ObjectBusy(OSError):
    words = 'RADOS object busy'


class IOError(OSError):
    words = 'RADOS I/O error'


class NoSpace(OSError):
    words = 'RADOS no space'


class NotConnected(OSError):
    words = 'RADOS not connected'


class TimedOut(OSError):
    words = 'RADOS timed out'


class ConnectionShutdown(OSError):
    words = 'RADOS connection was shutdown'


class RadosStateError(Error):
    words = 'RADOS rados state'


class IoctxStateError(Error):
    words = 'RADOS Ioctx state error'


class ObjectStateError(Error):
    words = 'RADOS object state error'


class LogicError(Error):
    words = 'RADOS logic error'


class InProgress(Error):
    words = 'RADOS in progress error'


class IsConnected(Error):
    words = 'RADOS is connected error'


class Ioctx:
    def __init__(self, connection: Rados, pool: str):
        self.connection = connection
        self.server = connection.server
        self.pool = pool
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def get_pool_id(self) -> int:
        return objclass.pool_id(self.server, self.pool)

    def execute(
        self, key: str, cls: str, method: str, data: bytes, length: int = 8192
    ) -> tuple[int, bytes]:
        self.connection._enter(f'Ioctx.execute {method}')
        assert self.is_open, 'execute on a pool that was closed'
        doing = f'Ioctx.read({self.pool}): failed to read {key}'
        try:
            answer = objclass.execute(
                self.server, self.pool, key, method, data
            )
        except objclass.NoSuchObject:
            raise ObjectNotFound(doing, errno=2) from None
        if len(answer) > length:
            raise OSError(doing, errno=34)
        return len(answer), answer


class Rados:
    """A client of one of ``CephServer.reachable``."""

    def __init__(
        self,
        rados_id: str | None = None,
        name: str | None = None,
        clustername: str | None = None,
        conf_defaults: dict[str, str] | None = None,
        conffile: str | None = None,
        conf: dict[str, str] | None = None,
        flags: int = 0,
        context: Any = None,
    ):
        self.user = rados_id or 'admin'
        self.conf = dict(conf or {})
        self.conffile = conffile
        self.state = 'configuring'
        # What a server does to a client that it has fenced off.
        self.is_fenced = False
        if conffile is not None and conffile not in CephServer.reachable:
            raise ObjectNotFound('error calling conf_read_file', errno=2)

    def connect(self, timeout: int = 0) -> None:
        mon_host = self.conf.get('mon_host', '')
        if self.conffile is None and not mon_host:
            raise ObjectNotFound('error connecting to the cluster', errno=2)
        place = mon_host if self.conffile is None else self.conffile
        server = CephServer.reachable.get(place)
        if server is None or not server.is_up:
            raise TimedOut('error connecting to the cluster', errno=110)
        key = self.conf.get('key')
        if self.conffile is None and server.keys.get(self.user) != key:
            raise PermissionDeniedError(
                'error connecting to the cluster', errno=13
            )
        server.enter('Rados.connect')
        server.connected += 1
        self.server = server
        self.state = 'connected'

    def shutdown(self) -> None:
        self.state = 'shutdown'

    def version(self) -> str:
        return '3.0.0'

    def get_fsid(self) -> str:
        self._enter('Rados.get_fsid')
        return self.server.fsid

    def list_pools(self) -> list[str]:
        self._enter('Rados.list_pools')
        return list(self.server.pools)

    def open_ioctx(self, ioctx_name: str) -> Ioctx:
        self._enter('Rados.open_ioctx')
        if ioctx_name not in self.server.pools:
            raise ObjectNotFound(f'error opening pool {ioctx_name!r}', errno=2)
        return Ioctx(self, ioctx_name)

    def mon_command(
        self,
        cmd: str,
        inbuf: bytes,
        timeout: int = 0,
        target: str | int | None = None,
    ) -> tuple[int, bytes, str]:
        self._enter('Rados.mon_command')
        prefix = json.loads(cmd)['prefix']
        unknown = (-22, b'', 'command not known')
        return self.server.answers.get(prefix, unknown)

    def _enter(self, call: str) -> None:
        if self.state != 'connected':
            raise RadosStateError(
                'You cannot perform that operation on a Rados object in '
                f'state {self.state}.'
            )
        if not self.server.is_up:
            raise TimedOut(call, errno=110)
        self.server.enter(call)
