# SPDX-License-Identifier: Apache-2.0
"""A libvirtd and a virtlogd of the lab's own, with a secret and a defined
pool for each site that it serves."""

import base64
import contextlib
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import libvirt

from tests.lab import ceph, layout, process, wait

#: The only drivers it loads: the others would touch the machine's network.
DRIVERS = ('qemu', 'secret', 'storage')

#: Where distributions put libvirt's drivers, below the library directory.
DRIVER_DIRECTORIES = (
    '/usr/lib/*/libvirt/connection-driver',
    '/usr/lib64/libvirt/connection-driver',
    '/usr/lib/libvirt/connection-driver',
)

LIBVIRTD_CONF = """\
unix_sock_group = "root"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:stderr"
"""

VIRTLOGD_CONF = """\
log_outputs = "3:stderr"
"""

QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
"""

SECRET = """\
<secret ephemeral='no' private='no'>
  <uuid>{uuid}</uuid>
  <usage type='ceph'>
    <name>{name}</name>
  </usage>
</secret>
"""

# With the port of messenger v2: librados tries that protocol first on a port
# it does not know.
POOL = """\
<pool type='rbd'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <source>
    <host name='127.0.0.1' port='{port}'/>
    <name>vms</name>
    <auth type='ceph' username='nova'>
      <secret uuid='{secret}'/>
    </auth>
  </source>
</pool>
"""


def pool_name(site: str) -> str:
    return f'rbd-multistore-{site}'


@dataclass(frozen=True)
class Libvirt:
    """One of the lab's; each is a host of its own.

    :ivar place: where below the lab's root it keeps its files.
    :ivar prefix: of its daemons' names.
    :ivar host_uuid: what it tells that its host is; '': the machine's own.
    """

    paths: layout.Layout
    clusters: Mapping[str, ceph.Cluster]
    place: str = 'libvirt'
    prefix: str = ''
    host_uuid: str = ''

    @property
    def home(self) -> Path:
        return self.paths.root / self.place

    @property
    def socket(self) -> Path:
        return self.paths.sockets / self.place / 'run' / 'libvirt-sock'

    @property
    def uri(self) -> str:
        return f'qemu+unix:///system?socket={self.socket}'

    def daemons(self) -> list[process.Daemon]:
        return [self._daemon('virtlogd'), self._daemon('libvirtd')]

    @contextlib.contextmanager
    def connect(self) -> Iterator[libvirt.virConnect]:
        connection = libvirt.open(self.uri)
        try:
            yield connection
        finally:
            connection.close()

    def up(self) -> None:
        self._write_confs()
        for daemon in self.daemons():
            daemon.start()
        wait.until(self._answers, 'answer of libvirtd', timeout_s=60)
        # Who connects just after a kill may still reach the old one.
        wait.until(
            self._defined,
            "libvirt's pools",
            timeout_s=60,
            ignore=(libvirt.libvirtError,),
        )

    def down(self) -> None:
        """Stop it and the guests it has started."""
        self._stop_guests()
        for daemon in reversed(self.daemons()):
            daemon.stop()

    def _daemon(self, name: str) -> process.Daemon:
        return process.Daemon(
            name=f'{self.prefix}{name}',
            command=on_host(self.home, name, '-f', str(self._conf(name)))
            + ['-p', str(self.home / f'{name}.pid')],
            pid_file=self.paths.pids / f'{self.prefix}{name}.json',
            log=self.paths.log(f'{self.prefix}{name}'),
            environ={'LIBVIRT_DRIVER_DIR': str(self._drivers)},
        )

    @property
    def _drivers(self) -> Path:
        return self.home / 'drivers'

    def _conf(self, name: str) -> Path:
        return self.home / 'etc' / f'{name}.conf'

    def _write_confs(self) -> None:
        for name in ('etc', 'run', 'lib', 'cache', 'log', 'mirror'):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        identity = f'host_uuid = "{self.host_uuid}"\n'
        layout.write(
            self._conf('libvirtd'),
            LIBVIRTD_CONF + (identity if self.host_uuid else ''),
        )
        layout.write(self._conf('virtlogd'), VIRTLOGD_CONF)
        layout.write(self._conf('qemu'), QEMU_CONF)
        self._drivers.mkdir(exist_ok=True)
        installed = _driver_directory()
        for driver in DRIVERS:
            name = f'libvirt_driver_{driver}.so'
            with contextlib.suppress(FileExistsError):
                (self._drivers / name).symlink_to(installed / name)

    def _answers(self) -> bool:
        for daemon in self.daemons():
            daemon.require()
        # libvirt's client prints its errors, so it is not used to ask.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def _defined(self) -> bool:
        with self.connect() as connection:
            for site in self.clusters.values():
                _define(connection, site)
        return True

    def _stop_guests(self) -> None:
        for pid_file in (self.home / 'run' / 'qemu').glob('*.pid'):
            with contextlib.suppress(OSError, ValueError):
                pid = int(pid_file.read_text())
                command = Path(f'/proc/{pid}/cmdline').read_bytes()
                if f'guest={pid_file.stem},'.encode() in command:
                    os.kill(pid, signal.SIGKILL)


def on_host(home: Path, *command: str) -> list[str]:
    """The command, as it runs on the host that keeps its files in ``home``;
    see private_mounts.sh."""
    script = layout.CHECKOUT / 'tests/lab/private_mounts.sh'
    return [
        *('unshare', '--mount', '--uts', '--propagation', 'private'),
        *('sh', str(script), str(home)),
        *command,
    ]


def _driver_directory() -> Path:
    for pattern in DRIVER_DIRECTORIES:
        for found in Path('/').glob(pattern.lstrip('/')):
            return found
    raise process.Failed("libvirt's drivers are not installed")


def _define(connection: libvirt.virConnect, site: ceph.Cluster) -> None:
    """Defining what is defined already, with the same uuid, renews it."""
    secret = connection.secretDefineXML(
        SECRET.format(
            uuid=site.state.secret_uuid,
            name=escape(f'client.nova of {site.name}'),
        )
    )
    secret.setValue(base64.b64decode(site.state.keys['client.nova']))
    connection.storagePoolDefineXML(
        POOL.format(
            name=pool_name(site.name),
            uuid=site.state.pool_uuid,
            port=site.state.mon_v2_port,
            secret=site.state.secret_uuid,
        )
    )
