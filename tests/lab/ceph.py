# SPDX-License-Identifier: Apache-2.0
"""One Ceph cluster: a monitor, a manager and an OSD on a sparse file.

Made by hand, without cephadm or systemd.  All keys are drawn beforehand and
given to the monitor when it is made, so no ``ceph auth`` call is needed, and
the monitor's and the OSD's stores can be made side by side.  Whatever talks
to the running cluster uses librados here, which takes milliseconds where the
``ceph`` command takes a good part of a second.
"""

import contextlib
import json
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rados
import rbd

from tests.lab import layout, process, state, wait

#: Seconds after which a call to a cluster that hangs is an error.
OP_TIMEOUT_S = '120'

POOLS = ('images', 'vms')

#: Bytes; sparse, so only what is written takes space.
OSD_SIZE_BYTES = 20 * 1024**3

CAPS = {
    'mon.': {'mon': 'allow *'},
    'mgr.x': {
        'mon': 'allow profile mgr',
        'osd': 'allow *',
        'mds': 'allow *',
    },
    'osd.0': {
        'mon': 'allow profile osd',
        'mgr': 'allow profile osd',
        'osd': 'allow *',
    },
    'client.admin': {
        'mon': 'allow *',
        'mgr': 'allow *',
        'osd': 'allow *',
        'mds': 'allow *',
    },
    'client.glance': {
        'mon': 'profile rbd',
        'osd': 'profile rbd pool=images',
    },
    'client.nova': {
        'mon': 'profile rbd',
        'osd': 'profile rbd pool=vms, profile rbd pool=images',
    },
}

# One copy of everything on one OSD, and no warning about that.  The sizes
# keep a daemon below a few hundred MiB.
DAEMON_CONF = """\
[global]
fsid = {fsid}
mon_host = {mon_host}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
run_dir = {sockets}
pid_file =
log_file = {logs}/{site}-$type.log
log_to_stderr = false
err_to_stderr = true
mon_cluster_log_file = {logs}/{site}-cluster.log
admin_socket = {sockets}/$type.asok
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_pg_warn_min_per_osd = 0
mon_data_avail_warn = 2
mon_data_avail_crit = 1

[mon]
mon_data = {home}/mon
keyring = {home}/mon.keyring

[mgr]
mgr_data = {home}/mgr
keyring = {home}/mgr.keyring
mgr_initial_modules =

[osd]
osd_data = {home}/osd
keyring = {home}/osd.keyring
osd_journal =
osd_objectstore = bluestore
bluestore_block_size = {osd_size}
bluestore_cache_autotune = false
bluestore_cache_size = 134217728
osd_memory_target = 1073741824
"""

CLIENT_CONF = """\
[global]
fsid = {fsid}
mon_host = {mon_host}
keyring = {keyring}
log_to_file = false
"""


@dataclass(frozen=True)
class Cluster:
    """One site's cluster.  ``name`` is the site's."""

    name: str
    paths: layout.Layout
    state: state.SiteState

    @property
    def home(self) -> Path:
        return self.paths.site(self.name)

    @property
    def fsid(self) -> str:
        return self.state.fsid

    @property
    def mon_host(self) -> str:
        # Both protocols: with v1 alone each connection loses three seconds
        # on a handshake of v2 that nobody answers.
        return (
            f'[v2:127.0.0.1:{self.state.mon_v2_port},'
            f'v1:127.0.0.1:{self.state.mon_v1_port}]'
        )

    def client_conf(self, user: str) -> Path:
        """The ceph.conf with which ``user`` (of ``client.user``) connects."""
        if user == 'admin':
            return self.paths.ceph_conf(self.name)
        return self.home / f'ceph.client.{user}.conf'

    def keyring(self, entity: str) -> Path:
        return self.home / f'{entity.rstrip(".")}.keyring'

    # -- daemons -------------------------------------------------------------

    def daemon(self, kind: str) -> process.Daemon:
        """``kind`` is mon, mgr or osd."""
        instance = {'mon': 'a', 'mgr': 'x', 'osd': '0'}[kind]
        name = f'{self.name}-{kind}'
        return process.Daemon(
            name=name,
            command=[f'ceph-{kind}', '-f', '-i', instance, *self._conf()],
            pid_file=self.paths.pids / f'{name}.json',
            log=self.paths.log(name),
        )

    def daemons(self) -> list[process.Daemon]:
        return [self.daemon(kind) for kind in ('mon', 'mgr', 'osd')]

    # -- up and down ---------------------------------------------------------

    def up(self) -> None:
        """Make it if need be, start what does not run, wait for health.

        What was frozen goes on, but for an OSD: after its read lease (16 s)
        it may never serve again where a pool has one replica, as there is
        nobody to renew the lease with ("laggy" for ever, seen with 16.2.15).
        """
        self._write_confs()
        if self.daemon('osd').frozen():
            self.daemon('osd').kill()
        with ThreadPoolExecutor(2) as pool:
            osd = pool.submit(self._make_osd)
            self._make_mon()
            self.daemon('mon').start()
            self._wait_for_mon()
            with self.connect(timeout_s=60) as cluster:
                self._introduce_osd(cluster)
                self.daemon('mgr').start()
                osd.result()
                self.daemon('osd').start()
                self._make_pools(cluster)
                self.wait_for_health(cluster)

    def down(self) -> None:
        """Stop the daemons; what they stored stays."""
        for kind in ('osd', 'mgr', 'mon'):
            self.daemon(kind).stop()

    def stop(self) -> None:
        """Freeze the cluster: it takes connections and answers nothing,
        as a site does whose network has gone."""
        for daemon in self.daemons():
            daemon.kill(signal.SIGSTOP)

    def start(self) -> None:
        """Undo :meth:`stop`, or restart what has been killed, and wait until
        the cluster is healthy."""
        self.up()

    # -- connections ---------------------------------------------------------

    @contextlib.contextmanager
    def connect(
        self, user: str = 'admin', timeout_s: float = 30.0
    ) -> Iterator[rados.Rados]:
        """A connection of its own to the cluster, as ``client.user``."""
        cluster = rados.Rados(
            conffile=str(self.client_conf(user)),
            rados_id=user,
            conf={
                'client_mount_timeout': str(int(timeout_s)),
                'rados_osd_op_timeout': OP_TIMEOUT_S,
                'rados_mon_op_timeout': OP_TIMEOUT_S,
            },
        )
        cluster.connect()
        try:
            yield cluster
        finally:
            cluster.shutdown()

    # -- making --------------------------------------------------------------

    def _conf(self) -> list[str]:
        return ['-c', str(self.home / 'ceph.conf')]

    def _write_confs(self) -> None:
        facts: dict[str, Any] = {
            'fsid': self.fsid,
            'mon_host': self.mon_host,
            'site': self.name,
            'home': self.home,
            'logs': self.paths.logs,
            'sockets': self.paths.sockets / self.name,
            'osd_size': OSD_SIZE_BYTES,
        }
        self.paths.logs.mkdir(parents=True, exist_ok=True)
        layout.write(self.home / 'ceph.conf', DAEMON_CONF.format(**facts))
        for entity in ('mgr.x', 'osd.0'):
            kind = entity.partition('.')[0]
            layout.write(self.home / f'{kind}.keyring', self._entry(entity))
        # The monitor is made with every key there is, and serves with its
        # own, which it then finds in its data directory.
        layout.write(
            self.home / 'mon.keyring',
            ''.join(self._entry(entity) for entity in CAPS),
        )
        for user in ('admin', 'glance', 'nova'):
            keyring = self.keyring(f'client.{user}')
            layout.write(keyring, self._entry(f'client.{user}'))
            layout.write(
                self.client_conf(user),
                CLIENT_CONF.format(**facts, keyring=keyring),
            )

    def _entry(self, entity: str) -> str:
        lines = [f'[{entity}]', f'\tkey = {self.state.keys[entity]}']
        lines += [
            f'\tcaps {service} = "{caps}"'
            for service, caps in CAPS[entity].items()
        ]
        return '\n'.join(lines) + '\n'

    def _make_mon(self) -> None:
        """Make the monitor's store, or tell it that it has moved."""
        done = self.home / 'mon.made'
        if self.daemon('mon').running() or (
            done.exists() and done.read_text() == self.mon_host
        ):
            return
        log = self.paths.log(f'{self.name}-make')
        monmap = str(self.home / 'monmap')
        process.run(
            ['monmaptool', '--create', '--clobber', '--fsid', self.fsid]
            + ['--addv', 'a', self.mon_host, monmap],
            log,
        )
        mon = ['ceph-mon', '-i', 'a', *self._conf()]
        if done.exists():
            process.run([*mon, '--inject-monmap', monmap], log)
        else:
            data = self.home / 'mon'
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir(parents=True)
            keyring = str(self.home / 'mon.keyring')
            process.run(
                [*mon, '--mkfs', '--monmap', monmap, '--keyring', keyring],
                log,
            )
        layout.write(done, self.mon_host)

    def _wait_for_mon(self) -> None:
        daemon = self.daemon('mon')

        def listens() -> bool:
            daemon.require()
            with socket.socket() as probe:
                address = ('127.0.0.1', self.state.mon_v2_port)
                return probe.connect_ex(address) == 0

        wait.until(listens, f'monitor of {self.name}')

    def _make_osd(self) -> None:
        done = self.home / 'osd.made'
        if done.exists():
            return
        data = self.home / 'osd'
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        process.run(
            ['ceph-osd', '--mkfs', '-i', '0', *self._conf()]
            + ['--osd-uuid', self.state.osd_uuid, '--no-mon-config'],
            self.paths.log(f'{self.name}-make'),
        )
        layout.write(done, '')

    def _introduce_osd(self, cluster: rados.Rados) -> None:
        """Tell the monitor of the OSD's uuid.  The same uuid again is
        answered with the same id, 0."""
        command(cluster, 'osd new', uuid=self.state.osd_uuid)
        # It would make a pool for measurements of disks that are files.
        command(
            cluster,
            'config set',
            who='mgr',
            name='mgr/devicehealth/enable_monitoring',
            value='false',
            force=True,
        )

    def _make_pools(self, cluster: rados.Rados) -> None:
        self._wait_for_osd(cluster)
        there = json.loads(command(cluster, 'osd pool ls', format='json'))
        for pool in POOLS:
            if pool not in there:
                command(cluster, 'osd pool create', pool=pool, pg_num=8)
        api: Any = rbd.RBD()
        for pool in POOLS:
            with contextlib.closing(cluster.open_ioctx(pool)) as ioctx:
                # Writes to the pool, so it returns when the pool serves.
                api.pool_init(ioctx, False)

    def _wait_for_osd(self, cluster: rados.Rados) -> None:
        daemon = self.daemon('osd')

        def osd_is_up() -> bool:
            daemon.require()
            answer = command(cluster, 'osd stat', format='json')
            return bool(json.loads(answer)['num_up_osds'])

        wait.until(osd_is_up, f'OSD of {self.name}', timeout_s=120)

    def wait_for_health(self, cluster: rados.Rados) -> None:
        """Until HEALTH_OK with every placement group active and clean."""

        def healthy() -> bool:
            for daemon in self.daemons():
                daemon.require()
            status = json.loads(command(cluster, 'status', format='json'))
            groups = status['pgmap']
            states = groups.get('pgs_by_state', [])
            return (
                status['health']['status'] == 'HEALTH_OK'
                and status['osdmap']['num_up_osds'] == 1
                and groups['num_pools'] >= len(POOLS)
                and [s['state_name'] for s in states] == ['active+clean']
            )

        wait.until(healthy, f'HEALTH_OK of {self.name}', timeout_s=180)


def command(cluster: rados.Rados, prefix: str, **arguments: Any) -> bytes:
    """One monitor command; raises :class:`process.Failed` on an error."""
    request = json.dumps({'prefix': prefix, **arguments})
    code, answer, text = cluster.mon_command(request, b'')
    if code:
        raise process.Failed(f'{prefix}: {text} ({code})')
    return bytes(answer)
