# SPDX-License-Identifier: Apache-2.0
"""One kept connection to libvirt, and its secrets."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import libvirt

from rbd_multistore import exceptions
from rbd_multistore.virt.pool import Secret

_T = TypeVar('_T')


class Libvirt:
    """A libvirt daemon. Safe for threads.

    The connection is made when it is first needed, kept, and made anew by
    the next call after it broke. No lock is held during a call.
    """

    def __init__(
        self,
        uri: str,
        connect: Callable[[str], libvirt.virConnect] | None = None,
    ):
        """Reach the daemon at *uri*, when first needed.

        :param connect: makes the connection; libvirt if not given
        """
        self._uri = uri
        self._connect = connect or _connect
        self._lock = threading.Lock()
        self._kept: libvirt.virConnect | None = None

    @contextlib.contextmanager
    def doing(self, doing: str) -> Iterator[libvirt.virConnect]:
        """Give the connection for *doing* something, as in "cannot ...".

        :raises LibvirtUnavailable: there is no connection to be had, or it
            broke in the block
        :raises VirtError: in place of libvirt's other errors in the block
        """
        connection = self._connection()
        try:
            yield connection
        except libvirt.libvirtError as exc:
            kind = exceptions.VirtError
            if not _is_alive(connection):
                kind = exceptions.LibvirtUnavailable
            raise kind(
                f'libvirt cannot {doing}: {exc.get_error_message()}.'
            ) from exc

    def read(self, doing: str, ask: Callable[[libvirt.virConnect], _T]) -> _T:
        """Return what *ask* answers; it changes nothing.

        That a daemon was restarted shows only when the kept connection is
        used. Then *ask* is called once more, with a new one.

        :raises LibvirtUnavailable: the daemon is away
        :raises VirtError: in place of libvirt's other errors
        """
        try:
            with self.doing(doing) as connection:
                return ask(connection)
        except exceptions.LibvirtUnavailable:
            with self.doing(doing) as connection:
                return ask(connection)

    def key(self, secret: Secret) -> str:
        """Return the cephx key that *secret* holds, in base64.

        :raises SecretNotFound: there is no such secret, or it has no value
        """
        value = self.read(
            'read a secret', lambda connection: _value(connection, secret)
        )
        return base64.b64encode(value).decode()

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return the versions of libvirt and of its hypervisor."""
        return self.read('tell its version', _versions)

    def close(self) -> None:
        """Close the connection, if there is one; no call is under way."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _connection(self) -> libvirt.virConnect:
        kept = self._kept
        if kept is not None and _is_alive(kept):
            return kept
        try:
            fresh = self._connect(self._uri)
        except libvirt.libvirtError as exc:
            raise exceptions.LibvirtUnavailable(
                f'Cannot connect to libvirt at {self._uri}: '
                f'{exc.get_error_message()}. See that it runs and that '
                'libvirt_uri is right.'
            ) from exc
        # Two threads may both come here; the connection that is not kept
        # closes itself when its thread lets go of it.
        with self._lock:
            self._kept = fresh
        return fresh


def _is_alive(connection: libvirt.virConnect) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False


def _connect(uri: str) -> libvirt.virConnect:
    # libvirt prints each error on stderr unless a handler takes it.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    return libvirt.open(uri)


def find_secret(
    connection: libvirt.virConnect, secret: Secret
) -> libvirt.virSecret:
    """Return libvirt's handle of *secret*; errors are libvirt's own."""
    if secret.uuid:
        return connection.secretLookupByUUIDString(secret.uuid)
    return connection.secretLookupByUsage(
        libvirt.VIR_SECRET_USAGE_TYPE_CEPH, secret.usage
    )


def _value(connection: libvirt.virConnect, secret: Secret) -> bytes:
    try:
        return find_secret(connection, secret).value()
    except libvirt.libvirtError as exc:
        if exc.get_error_code() != libvirt.VIR_ERR_NO_SECRET:
            raise
        raise _no_secret(secret) from exc


def _versions(connection: libvirt.virConnect) -> tuple[tuple[str, str], ...]:
    return (
        ('libvirt', _dotted(connection.getLibVersion())),
        (connection.getType(), _dotted(connection.getVersion())),
    )


def _dotted(version: int) -> str:
    """Write 9000000 as ``9.0.0``, as libvirt counts."""
    major, rest = divmod(version, 1_000_000)
    return f'{major}.{rest // 1000}.{rest % 1000}'


def _no_secret(secret: Secret) -> exceptions.SecretNotFound:
    return exceptions.SecretNotFound(
        f'libvirt has no value for the secret {secret.uuid or secret.usage}: '
        'define it (virsh secret-define) and set its value (virsh '
        'secret-set-value).'
    )
