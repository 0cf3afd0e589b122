# SPDX-License-Identifier: Apache-2.0
"""One kept connection to a Ceph cluster, shared by threads."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import json
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import rados
from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph import errors

LOG = logging.getLogger(__name__)

_KEY_HEAD = struct.Struct('<HIIH')


@dataclasses.dataclass(frozen=True)
class Access:
    """How to reach a cluster, and as whom.

    :ivar conffile: path of a ceph.conf; empty: librados' own search path;
        ``None``: read no file, take ``mon_host``
    :ivar mon_host: monitors, as in the option of that name: ``a:1,[::1]:2``
    :ivar user: the cephx user without ``client.``; ``None``: librados'
        default, which is ``admin``
    :ivar key: its key; ``None``: from the keyring that the conf file names,
        or, without a file, no authentication
    """

    conffile: str | None = None
    mon_host: str = ''
    user: str | None = None
    key: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True)
class Monitor:
    """A monitor's address; an IPv6 host has no brackets."""

    host: str
    port: str


@dataclasses.dataclass(frozen=True)
class Usage:
    """A pool's room, as ``ceph df`` tells it; all in bytes.

    :ivar used_bytes: written by clients, before replication
    :ivar available_bytes: what clients may still write
    """

    used_bytes: int
    available_bytes: int


@dataclasses.dataclass(frozen=True)
class Room:
    """A pool's room as it lies on the disks; all in bytes.

    :ivar total_bytes: size of all disks of the cluster
    :ivar raw_used_bytes: what the pool takes of them, with replication
    :ivar available_bytes: what clients may still write
    """

    total_bytes: int
    raw_used_bytes: int
    available_bytes: int


class Cluster:
    """A Ceph cluster.

    The connection is made when it is first needed, kept, and made anew by
    the next call after it broke or timed out. No lock is held during a call.
    """

    def __init__(
        self,
        access: Access,
        timeout_s: int,
        connect: Callable[[Access, int], rados.Rados] | None = None,
    ):
        """Reach the cluster by *access*, when first needed.

        :param timeout_s: longest wait, in seconds, to connect and for each
            answer
        :param connect: makes the connection; librados if not given
        """
        self._access = access
        self._timeout_s = timeout_s
        self._connect = connect or _connect
        self._lock = threading.Lock()
        self._kept: futures.Future[rados.Rados] | None = None

    def fsid(self) -> str:
        """Return the cluster's id.

        :raises ClusterUnavailable: it does not answer
        """
        with self._connection('read the cluster id') as connection:
            return str(connection.get_fsid())

    def monitors(self) -> tuple[Monitor, ...]:
        """Return the monitors that the cluster has now.

        Where a monitor has an address for each messenger version, the older
        one is given, as every QEMU and libvirt understands it.
        """
        dump = self._ask_monitors('mon dump')
        return tuple(_monitor(mon['addr']) for mon in dump['mons'])

    def pools(self) -> tuple[str, ...]:
        """Return the names of all pools, also of those we may not use."""
        with self._connection('list the pools') as connection:
            return tuple(connection.list_pools())

    def usage(self, pool: str) -> Usage:
        """Return how full *pool* is.

        :raises PoolNotFound: there is no such pool
        """
        stats = _of_pool(self._ask_monitors('df'), pool)
        return Usage(
            used_bytes=stats['stored'], available_bytes=stats['max_avail']
        )

    def room(self, pool: str) -> Room:
        """Return how much of the disks *pool* takes.

        :raises PoolNotFound: there is no such pool
        """
        df = self._ask_monitors('df')
        stats = _of_pool(df, pool)
        return Room(
            total_bytes=df['stats']['total_bytes'],
            raw_used_bytes=stats['bytes_used'],
            available_bytes=stats['max_avail'],
        )

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return the versions of our library and of the monitors."""
        with self._connection('read the version of librados') as connection:
            ours = str(connection.version())
        # As in "ceph version 16.2.15 (618f440...) pacific (stable)".
        theirs = self._ask_monitors('version')['version'].split()
        return ('librados', ours), ('ceph', theirs[2])

    def is_administrator(self) -> bool:
        """Tell whether the cephx user may do what only an operator should.

        Listing the monitors' key store needs ``allow *`` or a capability for
        that alone; its answer is thrown away.
        """
        with self._connection('see what the cephx user may do') as conn:
            code, _, _ = conn.mon_command('{"prefix": "config-key ls"}', b'')
        return code == 0

    @contextlib.contextmanager
    def pool(self, name: str, doing: str) -> Iterator[rados.Ioctx]:
        """Open a pool for *doing* something in it.

        The bindings' errors in the block are raised as ours, with *doing*
        as in "Cannot ...".

        :raises PoolNotFound: there is no such pool
        :raises CephError: as the block has it
        """
        with self._connection(doing) as connection:
            try:
                ioctx = connection.open_ioctx(name)
            except rados.ObjectNotFound as exc:
                raise _no_pool(name) from exc
            try:
                yield ioctx
            finally:
                ioctx.close()

    def close(self) -> None:
        """Close the connection, if there is one; no call is under way."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None and kept.exception() is None:
            kept.result().shutdown()

    def _ask_monitors(self, prefix: str) -> Any:
        command = json.dumps({'prefix': prefix, 'format': 'json'})
        with self._connection(f'ask the monitors for "{prefix}"') as conn:
            code, answer, words = conn.mon_command(command, b'')
            if code == -errno.ETIMEDOUT:
                # It is answered, not raised (16.2.15).
                raise rados.TimedOut(words, errno=-code)
        if code:
            raise exceptions.CephError(
                f'The monitors refused "{prefix}": {words or code}.'
            )
        return json.loads(answer)

    @contextlib.contextmanager
    def _connection(self, doing: str) -> Iterator[rados.Rados]:
        kept = self._kept_or_new()
        connection = kept.result()
        try:
            with errors.translated(doing):
                yield connection
        except exceptions.ClusterUnavailable as exc:
            # One that timed out is of no more use either: librados asks for
            # a new OSD map only for calls older than 10 s (objecter_timeout,
            # 16.2.15), so that with a shorter limit it never learns that an
            # OSD was restarted.
            LOG.warning('The connection to Ceph is given up: %s', exc)
            self._forget(kept)
            raise

    def _kept_or_new(self) -> futures.Future[rados.Rados]:
        with self._lock:
            if self._kept is not None:
                return self._kept
            kept = self._kept = futures.Future()
        try:
            with errors.translated('connect to the Ceph cluster'):
                kept.set_result(self._connect(self._access, self._timeout_s))
        except BaseException as exc:
            self._forget(kept)
            kept.set_exception(_for_others(exc))
            raise
        return kept

    def _forget(self, kept: futures.Future[rados.Rados]) -> None:
        # It is not shut down here, since other threads may be inside a call
        # on it; librados does that when the last of them lets go of it.
        with self._lock:
            if self._kept is kept:
                self._kept = None


def _for_others(exc: BaseException) -> Exception:
    """Return what the threads are told that waited for the connection."""
    if isinstance(exc, Exception):
        return exc
    return exceptions.ClusterUnavailable(
        'The thread that was connecting to the cluster was stopped. Try again.'
    )


def _connect(access: Access, timeout_s: int) -> rados.Rados:
    cluster = rados.Rados(
        rados_id=access.user,
        conffile=access.conffile,
        conf=_options(access, timeout_s),
    )
    try:
        cluster.connect()
    except rados.Error:
        cluster.shutdown()
        raise
    return cluster


def _options(access: Access, timeout_s: int) -> dict[str, str]:
    options = {
        'client_mount_timeout': str(timeout_s),
        'rados_mon_op_timeout': str(timeout_s),
        'rados_osd_op_timeout': str(timeout_s),
        # What goes wrong is raised; the process's stderr is not librados'.
        'log_to_stderr': 'false',
        'err_to_stderr': 'false',
    }
    if access.conffile is not None:
        return options
    options['mon_host'] = access.mon_host
    if access.key is None:
        options['auth_client_required'] = 'none'
    else:
        _check_key(access.key)
        options['key'] = access.key
    return options


def _check_key(key: str) -> None:
    """Refuse what is no cephx key: librados would print it on stderr.

    Source of the form: Ceph's ``CryptoKey``: type, when it was made, length,
    secret.

    :raises ConfigError: it is none
    """
    try:
        raw = base64.b64decode(key, validate=True)
        _kind, _seconds, _nanoseconds, length = _KEY_HEAD.unpack_from(raw)
    except (ValueError, struct.error):
        length, raw = -1, b''
    if length != len(raw) - _KEY_HEAD.size:
        raise exceptions.ConfigError(
            "The value of libvirt's secret is no cephx key: set it anew "
            '(rbd-multistore pool define, or virsh secret-set-value with the '
            'key as it stands in the keyring).'
        )


def _monitor(address: str) -> Monitor:
    """Parse an address of a monmap: ``10.0.0.1:6789/0``, ``[::1]:6789/0``."""
    host, _, port = address.partition('/')[0].rpartition(':')
    return Monitor(host.strip('[]'), port)


def _of_pool(df: Any, pool: str) -> Any:
    """Return what ``df`` answers of *pool*."""
    for row in df['pools']:
        if row['name'] == pool:
            return row['stats']
    raise _no_pool(pool)


def _no_pool(name: str) -> exceptions.PoolNotFound:
    return exceptions.PoolNotFound(
        f'The cluster has no pool {name}, or the cephx user may not use it.'
    )
