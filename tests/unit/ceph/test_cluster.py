# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import errno
import json
import threading
from collections.abc import Callable
from concurrent import futures

import pytest
import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph.cluster import Access, Cluster, Monitor, Room, Usage
from tests.unit import recorded
from tests.unit.ceph.conftest import ACCESS, FSID, KEY, MON_HOST
from tests.unit.fakes.server import CephServer

# No test waits as long, unless it fails.
LONG_S = 5.0


class Connector:
    """Connects when it is let, and remembers what it did."""

    def __init__(self, server: CephServer):
        self.made: list[rados.Rados] = []
        self.tries = 0
        self.errors: list[BaseException] = []
        self.entered = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._server = server

    def __call__(self, access: Access, timeout_s: int) -> rados.Rados:
        self.tries += 1
        self.entered.set()
        assert self.may_go_on.wait(LONG_S)
        if self.errors:
            raise self.errors.pop(0)
        connection = rados.Rados(
            rados_id=access.user,
            conf={'mon_host': access.mon_host, 'key': access.key or ''},
        )
        connection.connect()
        self.made.append(connection)
        return connection


@pytest.fixture
def connector(server: CephServer) -> Connector:
    return Connector(server)


@pytest.fixture
def shared(connector: Connector) -> Cluster:
    return Cluster(ACCESS, 7, connector)


def test_nothing_is_connected_before_it_is_needed(
    server: CephServer, cluster: Cluster
) -> None:
    assert server.connected == 0


def test_fsid_and_one_connection_for_all_calls(
    server: CephServer, cluster: Cluster
) -> None:
    assert cluster.fsid() == FSID
    cluster.monitors()
    cluster.usage('vms')
    with cluster.pool('vms', 'look'):
        pass
    assert server.connected == 1


def test_monitors_as_recorded(cluster: Cluster) -> None:
    # The address of the older messenger.
    assert cluster.monitors() == (Monitor('127.0.0.1', '21784'),)


@pytest.mark.parametrize(
    ('address', 'monitor'),
    [
        ('10.0.0.1:6789/0', Monitor('10.0.0.1', '6789')),
        ('[::1]:6789/0', Monitor('::1', '6789')),
        ('[2001:db8::1]:3300/0', Monitor('2001:db8::1', '3300')),
    ],
)
def test_address_of_a_monitor(
    server: CephServer, cluster: Cluster, address: str, monitor: Monitor
) -> None:
    dump = json.dumps({'mons': [{'addr': address}]}).encode()
    server.answers['mon dump'] = (0, dump, '')
    assert cluster.monitors() == (monitor,)


def test_usage_as_recorded(cluster: Cluster) -> None:
    df = json.loads(recorded.raw('ceph-16/df.json'))
    [stats] = [row['stats'] for row in df['pools'] if row['name'] == 'images']
    assert cluster.usage('images') == Usage(
        used_bytes=stats['stored'], available_bytes=stats['max_avail']
    )


def test_room_as_recorded(cluster: Cluster) -> None:
    df = json.loads(recorded.raw('ceph-16/df.json'))
    [stats] = [row['stats'] for row in df['pools'] if row['name'] == 'images']
    assert cluster.room('images') == Room(
        total_bytes=df['stats']['total_bytes'],
        raw_used_bytes=stats['bytes_used'],
        available_bytes=stats['max_avail'],
    )


def test_usage_of_a_pool_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(exceptions.PoolNotFound, match='nowhere'):
        cluster.usage('nowhere')


def test_refusal_of_the_monitors(server: CephServer, cluster: Cluster) -> None:
    server.answers['df'] = (-13, b'', 'access denied')
    with pytest.raises(exceptions.CephError, match='access denied'):
        cluster.usage('vms')


def test_monitors_that_do_not_answer(
    server: CephServer, cluster: Cluster
) -> None:
    """librados 16.2.15 answers that, and does not raise it."""
    server.answers['df'] = (-errno.ETIMEDOUT, b'', 'timed out')
    with pytest.raises(exceptions.ClusterUnavailable):
        cluster.usage('vms')


def test_pool_is_closed_whatever_happens(cluster: Cluster) -> None:
    with cluster.pool('vms', 'look') as ioctx:
        assert ioctx.is_open  # type: ignore[attr-defined]
    assert not ioctx.is_open  # type: ignore[attr-defined]
    with (
        pytest.raises(ZeroDivisionError),
        cluster.pool('vms', 'look') as ioctx,
    ):
        raise ZeroDivisionError
    assert not ioctx.is_open  # type: ignore[attr-defined]


def test_pool_that_is_not_there(cluster: Cluster) -> None:
    with (
        pytest.raises(exceptions.PoolNotFound, match='nowhere'),
        cluster.pool('nowhere', 'look'),
    ):
        pass


def test_error_in_the_block_says_what_was_done(cluster: Cluster) -> None:
    with (
        pytest.raises(exceptions.VolumeNotFound, match='Cannot look at v'),
        cluster.pool('vms', 'look at v') as disks,
    ):
        rbd.Image(disks, 'v')


@pytest.mark.parametrize(
    ('access', 'wanted'),
    [
        (Access(mon_host='127.0.0.1:1'), exceptions.ClusterUnavailable),
        (
            Access(
                mon_host=MON_HOST,
                user='nova',
                key='AQAAAAAAAAAAAAUAd3Jvbmc=',
            ),
            exceptions.CephForbidden,
        ),
        (Access(mon_host=MON_HOST, user='nova'), exceptions.CephForbidden),
        (Access(conffile='/nonexistent'), exceptions.CephError),
    ],
)
def test_cannot_connect(
    server: CephServer, access: Access, wanted: type[Exception]
) -> None:
    with pytest.raises(wanted, match='Cannot connect to the Ceph cluster'):
        Cluster(access, 7).fsid()


def conf_of(cluster: Cluster) -> dict[str, str]:
    with cluster.pool('vms', 'look') as ioctx:
        return ioctx.connection.conf  # type: ignore[attr-defined]


def test_options_without_a_file(cluster: Cluster) -> None:
    conf = conf_of(cluster)
    assert conf['mon_host'] == MON_HOST
    assert conf['key'] == KEY
    assert 'auth_client_required' not in conf
    for name in (
        'client_mount_timeout',
        'rados_mon_op_timeout',
        'rados_osd_op_timeout',
    ):
        assert conf[name] == '7'


def test_options_without_a_key(server: CephServer) -> None:
    server.keys = {}
    access = Access(mon_host=MON_HOST)
    server.keys['admin'] = None  # type: ignore[assignment]
    conf = conf_of(Cluster(access, 7))
    assert conf['auth_client_required'] == 'none'
    assert 'key' not in conf


def test_options_with_a_file(server: CephServer) -> None:
    CephServer.reachable['/etc/ceph/a.conf'] = server
    cluster = Cluster(Access(conffile='/etc/ceph/a.conf', user='nova'), 9)
    conf = conf_of(cluster)
    # What the file says is left to it.
    assert not {'mon_host', 'key', 'auth_client_required'} & set(conf)
    assert conf['rados_osd_op_timeout'] == '9'
    assert cluster.fsid() == FSID


def test_connection_that_failed_is_shut_down(
    server: CephServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[rados.Rados] = []

    class Watched(rados.Rados):
        def shutdown(self) -> None:
            super().shutdown()
            seen.append(self)

    monkeypatch.setattr(rados, 'Rados', Watched)
    server.is_up = False
    with pytest.raises(exceptions.ClusterUnavailable):
        Cluster(ACCESS, 7).fsid()
    assert [connection.state for connection in seen] == ['shutdown']


def test_key_is_never_shown() -> None:
    assert KEY not in repr(ACCESS)
    assert KEY not in str(ACCESS)
    assert 'nova' in repr(ACCESS)


# Threads.


def start(
    threads: futures.ThreadPoolExecutor, count: int, call: Callable[[], str]
) -> list[futures.Future[str]]:
    """Let *count* threads make *call*, as nearly at once as can be."""
    barrier = threading.Barrier(count)

    def go() -> str:
        barrier.wait(LONG_S)
        return call()

    return [threads.submit(go) for _ in range(count)]


def test_threads_at_once_make_one_connection(
    connector: Connector, shared: Cluster
) -> None:
    connector.may_go_on.clear()
    with futures.ThreadPoolExecutor(8) as threads:
        calls = start(threads, 8, shared.fsid)
        assert connector.entered.wait(LONG_S)
        connector.may_go_on.set()
        assert [call.result(LONG_S) for call in calls] == [FSID] * 8
    assert connector.tries == 1


def test_failure_to_connect_is_raised_in_each_thread(
    connector: Connector, shared: Cluster
) -> None:
    connector.may_go_on.clear()
    connector.errors = [rados.TimedOut('connecting', errno=110)]
    arrived = Arrivals(shared, 4)
    with futures.ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(shared.fsid) for _ in range(4)]
        # All have asked for the connection, and one makes it.
        arrived.wait()
        connector.may_go_on.set()
        for call in calls:
            assert isinstance(
                call.exception(LONG_S), exceptions.ClusterUnavailable
            )
    assert connector.tries == 1
    # It is not held against the cluster.
    assert shared.fsid() == FSID
    assert connector.tries == 2


class Arrivals:
    """Knows when so many threads have asked a cluster's lock."""

    def __init__(self, cluster: Cluster, count: int):
        self._semaphore = threading.Semaphore(0)
        self._count = count
        self._lock = cluster._lock
        cluster._lock = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._semaphore.release()

    def wait(self) -> None:
        for _ in range(self._count):
            assert self._semaphore.acquire(timeout=LONG_S)


def test_no_lock_is_held_while_connecting(
    connector: Connector, shared: Cluster
) -> None:
    connector.may_go_on.clear()
    with futures.ThreadPoolExecutor(1) as threads:
        call = threads.submit(shared.fsid)
        assert connector.entered.wait(LONG_S)
        assert shared._lock.acquire(timeout=LONG_S)
        shared._lock.release()
        connector.may_go_on.set()
        assert call.result(LONG_S) == FSID


def test_no_lock_is_held_during_a_call(shared: Cluster) -> None:
    with shared.pool('vms', 'look'):
        assert shared._lock.acquire(timeout=LONG_S)
        shared._lock.release()


@pytest.mark.parametrize(
    'error',
    [
        rados.ConnectionShutdown('in the test', errno=108),
        rados.NotConnected('in the test', errno=107),
        rados.RadosStateError('in the test'),
        rbd.ConnectionShutdown('in the test', errno=108),
    ],
    ids=lambda error: type(error).__name__,
)
def test_broken_connection_is_made_anew(
    connector: Connector, shared: Cluster, error: Exception
) -> None:
    with (
        pytest.raises(exceptions.ClusterUnavailable, match='Try again'),
        shared.pool('vms', 'look'),
    ):
        raise error
    assert connector.tries == 1
    assert shared.fsid() == FSID
    assert connector.tries == 2


def test_fenced_client_comes_back(
    connector: Connector, shared: Cluster
) -> None:
    shared.fsid()
    connector.made[0].is_fenced = True
    with (
        pytest.raises(exceptions.ClusterUnavailable),
        shared.pool('vms', 'look') as disks,
    ):
        rbd.RBD().list(disks)
    with shared.pool('vms', 'look') as disks:
        assert rbd.RBD().list(disks) == []


def test_broken_connection_is_left_to_who_is_inside_it(
    connector: Connector, shared: Cluster
) -> None:
    with shared.pool('vms', 'look') as disks:
        with (
            pytest.raises(exceptions.ClusterUnavailable),
            shared.pool('vms', 'look'),
        ):
            raise rados.NotConnected('in the test', errno=107)
        assert rbd.RBD().list(disks) == []
    assert connector.made[0].state == 'connected'


@pytest.mark.parametrize(
    'error',
    [
        rbd.ImageNotFound('in the test', errno=2),
        rbd.ImageBusy('in the test', errno=16),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_connection_is_kept_after_other_errors(
    connector: Connector, shared: Cluster, error: Exception
) -> None:
    with (
        pytest.raises((exceptions.CephError, ZeroDivisionError)),
        shared.pool('vms', 'look'),
    ):
        raise error
    shared.fsid()
    assert connector.tries == 1


@pytest.mark.parametrize(
    'error',
    [
        rados.TimedOut('in the test', errno=110),
        rbd.Timeout('in the test', errno=110),
    ],
    ids=lambda error: type(error).__module__,
)
def test_connection_that_timed_out_is_given_up(
    connector: Connector, shared: Cluster, error: Exception
) -> None:
    with (
        pytest.raises(exceptions.ClusterUnavailable),
        shared.pool('vms', 'look'),
    ):
        raise error
    shared.fsid()
    assert connector.tries == 2


def test_late_news_of_an_old_connection_leave_the_new_one(
    connector: Connector, shared: Cluster
) -> None:
    lost = rados.NotConnected('in the test', errno=107)
    with contextlib.ExitStack() as old:
        old.enter_context(pytest.raises(exceptions.ClusterUnavailable))
        old.enter_context(shared.pool('vms', 'look'))
        with (
            pytest.raises(exceptions.ClusterUnavailable),
            shared.pool('vms', 'look'),
        ):
            raise lost
        shared.fsid()
        raise lost
    assert connector.tries == 2
    shared.fsid()
    assert connector.tries == 2


def test_interrupted_connecting_can_be_done_again(
    connector: Connector, shared: Cluster
) -> None:
    connector.errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        shared.fsid()
    assert shared.fsid() == FSID


def test_close(connector: Connector, shared: Cluster) -> None:
    shared.close()
    assert connector.tries == 0
    shared.fsid()
    shared.close()
    assert connector.made[0].state == 'shutdown'
    shared.close()
    assert shared.fsid() == FSID
    assert connector.tries == 2


@pytest.mark.parametrize('key', ['bm8ga2V5', '???', ''])
def test_what_is_no_key_is_not_handed_to_librados(key: str) -> None:
    """It would print it on stderr."""
    cluster = Cluster(Access(mon_host=MON_HOST, user='nova', key=key), 7)
    with pytest.raises(exceptions.ConfigError, match='no cephx key') as seen:
        cluster.fsid()
    assert not key or key not in str(seen.value)
