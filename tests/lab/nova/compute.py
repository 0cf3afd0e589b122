# SPDX-License-Identifier: Apache-2.0
"""A nova-compute with a libvirt of its own: one host of a site."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.lab import ceph, ini, layout, process, service, settings, virt, wait
from tests.lab.nova import common, control, serving

#: Ours, and Nova's own.
PLUGGED = 'rbd-multistore-nova-compute'
STOCK = 'nova-compute'

#: The address of each: all on the loopback device, and Nova tells by them
#: whether two computes are one host.
ADDRESSES = {
    'compute-a1': '127.0.0.11',
    'compute-a2': '127.0.0.12',
    'compute-b1': '127.0.0.21',
}

#: Stand-ins for ssh and scp between these hosts.
PROGRAMS = Path(__file__).parent / 'bin'

SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

#: Logged when it takes requests.
SERVES = 'Join ServiceGroup membership for this service compute'

CONF: ini.Sections = {
    'DEFAULT': {
        'compute_driver': 'libvirt.LibvirtDriver',
        'state_path': str(control.STATE_PATH),
        'instances_path': str(control.STATE_PATH / 'instances'),
        # Guests of the lab do not listen to a button: seconds, none.
        'shutdown_timeout': '0',
        # They are many, and small.
        'cpu_allocation_ratio': '32',
        'disk_allocation_ratio': '32',
        'reserved_host_memory_mb': '0',
    },
    'libvirt': {
        'virt_type': 'qemu',
        'rbd_destroy_volume_retries': '6',
        'rbd_destroy_volume_retry_interval': '1',
    },
    'vnc': {'enabled': 'false'},
}


@dataclass(frozen=True)
class Compute:
    """
    :ivar site: whose Ceph it uses, and whose Glance store.
    :ivar program: which nova-compute serves it, ours or Nova's own.
    :ivar changes: what its nova.conf says beside or in place of the lab's.
    """

    name: str
    site: str
    ground: common.Ground
    clusters: Mapping[str, ceph.Cluster]
    program: str = PLUGGED
    changes: ini.Sections = field(default_factory=dict)

    def with_program(self, program: str) -> 'Compute':
        """The same host with :data:`PLUGGED` or :data:`STOCK`; it takes over
        when it is started."""
        return replace(self, program=program)

    def with_conf(self, changes: ini.Sections) -> 'Compute':
        """The same host with further options in its nova.conf; it takes over
        when it is started."""
        return replace(self, changes=ini.merged(self.changes, changes))

    @property
    def home(self) -> Path:
        """The host's files; ``nova`` below it is its /var/lib/nova."""
        return self.ground.paths.nova / self.name

    @property
    def instances(self) -> Path:
        """Its instances' directories, seen from outside of the host."""
        return self.home / 'nova' / 'instances'

    @property
    def conf(self) -> Path:
        return self.home / 'nova.conf'

    @property
    def address(self) -> str:
        return ADDRESSES[self.name]

    @property
    def cluster(self) -> ceph.Cluster:
        return self.clusters[self.site]

    @property
    def libvirt(self) -> virt.Libvirt:
        return virt.Libvirt(
            self.ground.paths,
            {self.site: self.cluster},
            place=f'nova/{self.name}',
            prefix=f'{self.name}-',
            host_uuid=self.ground.state.host_uuids[self.name],
        )

    @property
    def daemon(self) -> process.Daemon:
        paths = self.ground.paths
        return process.Daemon(
            name=self.name,
            command=virt.on_host(
                self.home, *control.program(self.program, self.conf)
            ),
            pid_file=paths.pids / f'{self.name}.json',
            log=paths.log(self.name),
            environ={
                'PATH': f'{PROGRAMS}:{service.BIN}:{SYSTEM_PATH}',
                'RBD_MULTISTORE_LAB_HOSTS': str(hosts_directory(paths)),
            },
            stop_timeout_s=60,
        )

    @property
    def log(self) -> Path:
        return self.daemon.log

    def mark_log(self) -> service.LogMark:
        """For reading what is logged from now on."""
        return service.LogMark(self.log)

    def daemons(self) -> list[process.Daemon]:
        return [*self.libvirt.daemons(), self.daemon]

    # -- up and down ---------------------------------------------------------

    def prepare(self) -> None:
        """Its libvirt and its files."""
        self.instances.mkdir(parents=True, exist_ok=True)
        _write_once(self.home / 'hostname', f'{self.name}\n')
        _write_once(self.home / 'hosts', _hosts())
        link = hosts_directory(self.ground.paths) / self.address
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(self.home)
        self.libvirt.up()

    def start(self) -> None:
        """Start it, and wait until it takes requests.

        One that runs and was started as another program, from another
        nova.conf or from other code of ours than there is now is replaced.
        """
        layout.write(self.conf, self._text())
        mark = self.mark_log()
        daemon = self.daemon
        if not serving.serve(
            daemon, self._text(), self.program, code_digest()
        ):
            return

        def serves() -> bool:
            daemon.require()
            return SERVES in mark.text()

        wait.until(serves, f'start of {self.name}', timeout_s=180)

    def stop(self) -> None:
        """Stop it as an operator does; its guests go on."""
        self.daemon.stop()

    def kill(self) -> None:
        """SIGKILL, to it and to what it has started; its guests go on."""
        self.daemon.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def down(self) -> None:
        """With its libvirt and its guests."""
        self.stop()
        self.libvirt.down()

    def _text(self) -> str:
        sockets = self.ground.paths.sockets / 'nova'
        own: ini.Sections = {
            'DEFAULT': {'host': self.name, 'my_ip': self.address},
            'libvirt': {
                'connection_uri': self.libvirt.uri,
                # Of another host, %s; by its unix socket, as libvirt's own
                # connections need no keys then.
                'live_migration_uri': 'qemu+unix:///system?socket='
                f'{sockets}/%s/run/libvirt-sock',
            },
            # Without sudo: the lab is root's.
            'nova_sys_admin': {'helper_command': _privsep(self.conf)},
        }
        site = settings.nova_compute(
            store=self.site,
            pool='vms',
            user='nova',
            secret_uuid=self.cluster.state.secret_uuid,
            ceph_conf=str(self.cluster.client_conf('nova')),
        )
        base = control.nova_conf(self.ground, control.STATE_PATH)
        return ini.text(base, CONF, site, own, self.changes)


def hosts_directory(paths: layout.Layout) -> Path:
    """Where the stand-ins for ssh and scp find a host by its address."""
    return paths.nova / 'hosts'


def code_digest() -> str:
    """Tells one state of our code from another."""
    digest = hashlib.sha256()
    for source in sorted((layout.CHECKOUT / 'rbd_multistore').rglob('*.py')):
        digest.update(str(source).encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _write_once(path: Path, text: str) -> None:
    """Leave the file alone if it says that already: it may be mounted, and
    what is mounted must not be replaced."""
    if not (path.exists() and path.read_text() == text):
        layout.write(path, text, mode=0o644)


def _hosts() -> str:
    lines = ['127.0.0.1 localhost', '::1 localhost']
    lines += [f'{address} {name}' for name, address in ADDRESSES.items()]
    return '\n'.join([*lines, ''])


def _privsep(conf: Path) -> str:
    return f'{service.BIN / "privsep-helper"} --config-file {conf}'
