# SPDX-License-Identifier: Apache-2.0
"""What the tests of a Nova in trouble have in common: stopping a compute at a
chosen moment, one host for all servers, and what is left of a server."""

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rados
import rbd
from openstack import connection

from tests.functional.copying import HERE, Cloud, names
from tests.lab import ceph, process, wait
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers

MIB = 1024**2

DISKS = 'vms'
IMAGES = 'images'

#: Seconds in which anything on this lab is done, however busy it is.
LONG_S = 300.0

#: How long a daemon runs between two looks in slow motion.
FRAME_S = 0.002


def freeze_when(
    daemon: process.Daemon, condition: Callable[[], bool], what: str
) -> None:
    """Run a daemon in slow motion until a condition is true; it is stopped
    (SIGSTOP) then, and was during each look."""

    def reached() -> bool:
        _freeze(daemon)
        if condition():
            return True
        daemon.kill(signal.SIGCONT)
        time.sleep(FRAME_S)
        return False

    try:
        wait.until(reached, what, timeout_s=LONG_S, pause_s=0)
    except BaseException:
        daemon.kill(signal.SIGCONT)
        raise


def _freeze(daemon: process.Daemon) -> None:
    daemon.kill(signal.SIGSTOP)
    daemon.require()
    wait.until(daemon.frozen, f'standstill of {daemon.name}', pause_s=0)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    wait.until(condition, what, timeout_s=LONG_S, pause_s=0.05)


def wait_for_copy(cloud: Cloud, image_id: str, phase: str) -> None:
    """Until the copy to the site is ``accepted`` or ``uploading``."""
    pool = cloud.pools[HERE]

    def reached() -> bool:
        shown = cloud.show(image_id)
        assert HERE not in cloud.stores(image_id), 'it is done already'
        importing = names(shown, 'os_glance_importing_to_stores')
        return HERE in importing and (
            phase == 'accepted' or image_id in pool.names()
        )

    wait_for(reached, f'copy that is {phase}')


def wait_for_build(servers: Servers, server: Any) -> None:
    """Until a host makes the server's disks."""

    def spawning() -> bool:
        return bool(servers.show(server).task_state == 'spawning')

    wait_for(spawning, f'build of {server.id}')


# -- one host ----------------------------------------------------------------


@contextlib.contextmanager
def only_host(
    nova: NovaLab, admin: connection.Connection, name: str
) -> Iterator[Compute]:
    """Have all servers of a site go to one of its hosts."""
    chosen = nova.computes[name]
    others = [
        one.name
        for one in nova.computes.values()
        if one.site == chosen.site and one.name != name
    ]
    for other in others:
        _enable(admin, other, False)
    try:
        yield chosen
    finally:
        chosen.start()
        for other in others:
            _enable(admin, other, True)


def _enable(admin: connection.Connection, host: str, wanted: bool) -> None:
    compute: Any = admin.compute
    for service in compute.services(host=host, binary='nova-compute'):
        if wanted:
            compute.enable_service(service)
        else:
            compute.disable_service(service)


def wait_for_state(
    admin: connection.Connection, host: str, state: str
) -> None:
    """Until Nova takes a host's nova-compute to be ``up`` or ``down``."""
    compute: Any = admin.compute

    def reached() -> bool:
        (service,) = compute.services(host=host, binary='nova-compute')
        return bool(service.state == state)

    wait_for(reached, f'{host} that is {state}')


@dataclass(frozen=True)
class Tuned(Compute):
    """A compute whose nova.conf says more."""

    more: str = ''

    def _text(self) -> str:
        return f'{super()._text()}\n{self.more}'


@contextlib.contextmanager
def tuned(compute: Compute, more: str) -> Iterator[Compute]:
    """Have it serve with options besides, in the words of nova.conf."""
    try:
        yield _served(Tuned(**vars(compute), more=more))
    finally:
        _served(compute)


def _served(compute: Compute) -> Compute:
    compute.prepare()
    compute.start()
    return compute


# -- what it holds -----------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What a process has open.

    :ivar threads: all of them
    :ivar of_libraries: those that are not named as the process is, as
        Python's are: librados' and librbd's
    :ivar connections: over TCP, by the port of the other side
    """

    threads: int
    of_libraries: int
    files: int
    connections: Mapping[int, int]

    @classmethod
    def by(cls, daemon: process.Daemon) -> 'Held':
        identity = daemon.identity()
        assert identity is not None
        proc = Path(f'/proc/{identity.pid}')
        opened = [_target(one) for one in (proc / 'fd').iterdir()]
        table = (proc / 'net' / 'tcp').read_text().splitlines()[1:]
        ports = (_port(row.split(), opened) for row in table)
        own = (proc / 'comm').read_text()
        names = [one.read_text() for one in proc.glob('task/*/comm')]
        return cls(
            threads=len(names),
            of_libraries=sum(name != own for name in names),
            files=len(opened),
            connections=Counter(port for port in ports if port),
        )


def _target(link: Path) -> str:
    # It may be closed by now.
    with contextlib.suppress(OSError):
        return str(link.readlink())
    return ''


def _port(row: list[str], opened: list[str]) -> int:
    """The port of the other side, 0 if it is none of these files'."""
    if f'socket:[{row[9]}]' not in opened:
        return 0
    return int(row[2].partition(':')[2], 16)


# -- what is left ------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What a site had of servers at one moment.

    :ivar objects: of the pool that the disks are in
    :ivar guests: the ids of those that its libvirts know, by host
    :ivar directories: those of its hosts
    """

    objects: frozenset[str]
    guests: frozenset[tuple[str, str]]
    directories: frozenset[tuple[str, str]]

    @classmethod
    def at(cls, nova: NovaLab, site: str) -> 'Left':
        hosts = [one for one in nova.computes.values() if one.site == site]
        return cls(
            objects=frozenset(objects(nova.lab.clusters[site])),
            guests=frozenset(
                (host.name, guest) for host in hosts for guest in guests(host)
            ),
            directories=frozenset(
                (host.name, path.name)
                for host in hosts
                for path in host.instances.iterdir()
                if _is_of_server(path.name)
            ),
        )

    def __sub__(self, before: 'Left') -> 'Left':
        return Left(
            self.objects - before.objects,
            self.guests - before.guests,
            self.directories - before.directories,
        )


NOTHING = Left(frozenset(), frozenset(), frozenset())

#: A pool's own, which come with the first volume and stay.
_OF_POOL = frozenset(
    {'rbd_children', 'rbd_directory', 'rbd_info', 'rbd_trash', 'rbd_task'}
)

_CHARACTERS_OF_UUID = 36


def _is_of_server(name: str) -> bool:
    return len(name.partition('_')[0]) == _CHARACTERS_OF_UUID


def objects(cluster: ceph.Cluster) -> set[str]:
    """What lies in the pool of the disks, half a volume too."""
    with opened(cluster) as ioctx:
        return {one.key for one in ioctx.list_objects()} - _OF_POOL


def guests(compute: Compute) -> list[str]:
    """The ids of the guests that a host's libvirt knows."""
    with compute.libvirt.connect() as libvirtd:
        return [one.UUIDString() for one in libvirtd.listAllDomains()]


@contextlib.contextmanager
def nothing_left(nova: NovaLab, site: str) -> Iterator[None]:
    """Fail if the block leaves something of a server at a site.  Not judged
    when the block itself raises."""
    before = Left.at(nova, site)
    yield
    assert Left.at(nova, site) - before == NOTHING


# -- a volume that is made ---------------------------------------------------


@contextlib.contextmanager
def opened(cluster: ceph.Cluster, pool: str = DISKS) -> Iterator[rados.Ioctx]:
    with (
        cluster.connect() as connected,
        connected.open_ioctx(pool) as ioctx,
    ):
        yield ioctx


def stage(ioctx: rados.Ioctx, name: str) -> str:
    """How far librbd is with a clone: ``nothing``, ``listed`` (its name is
    taken), ``id``, ``header``, ``parent``, and ``whole`` once it has been
    grown to a GiB."""
    if name not in rbd.RBD().list(ioctx):
        return 'nothing'
    try:
        with rbd.Image(ioctx, name, read_only=True) as volume:
            volume.parent_info()
            return 'whole' if volume.size() == 1024 * MIB else 'parent'
    except rbd.ImageNotFound:
        if not _is_there(ioctx, f'rbd_id.{name}'):
            return 'listed'
        return 'header' if _has_header(ioctx, name) else 'id'


def _has_header(ioctx: rados.Ioctx, name: str) -> bool:
    # Its own id: a length of four bytes, then the text.
    image_id = ioctx.read(f'rbd_id.{name}')[4:].decode()
    return _is_there(ioctx, f'rbd_header.{image_id}')


def _is_there(ioctx: rados.Ioctx, key: str) -> bool:
    try:
        ioctx.stat(key)
    except rados.ObjectNotFound:
        return False
    return True
