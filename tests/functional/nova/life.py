# SPDX-License-Identifier: Apache-2.0
"""What the tests of a server's life have in common: its disks as Ceph has
them, what Nova tells of what was done to it, and computes and a Glance that
are configured otherwise for a while."""

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rbd

from tests.functional.copying import Cloud
from tests.lab import ceph, ini, layout, service, wait
from tests.lab.lab import Lab
from tests.lab.nova.compute import STOCK, Compute
from tests.lab.nova.servers import POOL, Servers

HERE, THERE = layout.SITES
COMPUTES_HERE = ('compute-a1', 'compute-a2')
COMPUTE_THERE = 'compute-b1'

MIB = 1024**2
GIB = 1024**3

#: What a test writes to a disk, where neither the image nor the boot sector
#: has anything.
KEPT = b'written while it ran'
KEPT_OFFSET_BYTES = 100 * MIB


@dataclass(frozen=True)
class Disk:
    """A volume of a server's, for a test that writes to it as its guest
    would: librbd asks the guest for the lock, and has it given."""

    cluster: ceph.Cluster
    name: str

    def write(self) -> None:
        with self._opened(read_only=False) as volume:
            volume.write(KEPT, KEPT_OFFSET_BYTES)

    def is_written(self) -> bool:
        with self._opened() as volume:
            return bool(volume.read(KEPT_OFFSET_BYTES, len(KEPT)) == KEPT)

    def read(self, offset_bytes: int, length_bytes: int) -> bytes:
        with self._opened() as volume:
            found: bytes = volume.read(offset_bytes, length_bytes)
            return found

    @property
    def size_bytes(self) -> int:
        with self._opened() as volume:
            size_bytes: int = volume.size()
            return size_bytes

    def snapshots(self) -> list[str]:
        with self._opened() as volume:
            return [found['name'] for found in volume.list_snaps()]

    def remove(self) -> None:
        """Remove what Nova has left behind."""
        with (
            self.cluster.connect() as connection,
            connection.open_ioctx(POOL) as ioctx,
        ):
            rbd.RBD().remove(ioctx, self.name)

    @contextlib.contextmanager
    def _opened(self, *, read_only: bool = True) -> Iterator[Any]:
        with (
            self.cluster.connect() as connection,
            connection.open_ioctx(POOL) as ioctx,
            rbd.Image(ioctx, self.name, read_only=read_only) as volume,
        ):
            yield volume


def root_of(servers: Servers, server: Any, site: str = HERE) -> Disk:
    return Disk(servers.nova.lab.clusters[site], f'{server.id}_disk')


def clone_of(server: Any, image_id: str) -> dict[str, str]:
    """The volumes of a server that has nothing but a clone of an image."""
    return {f'{server.id}_disk': f'images/{image_id}@snap'}


def begin_many(
    servers: Servers, image_id: str, name: str, count: int, **more: Any
) -> list[Any]:
    """Ask for several servers in one request."""
    servers.begin(image_id, name, min_count=count, max_count=count, **more)
    compute: Any = servers.by.compute

    def all_of_them() -> Any:
        found = [one for one in compute.servers() if one.name.startswith(name)]
        return len(found) == count and found

    made: list[Any] = wait.until(all_of_them, f'{count} servers {name}')
    servers.made += [one.id for one in made if one.id not in servers.made]
    return made


def begin_at(
    servers: Servers, image_id: str, name: str, host: str, **more: Any
) -> Any:
    """Ask for a server on one host that no zone holds back later; only an
    administrator may."""
    compute: Any = servers.by.compute
    server = compute.create_server(
        **{
            'name': name,
            'image_id': image_id,
            'flavor_id': 'tiny',
            'host': host,
            'networks': 'none',
            **more,
        }
    )
    servers.made.append(server.id)
    return server


@dataclass(frozen=True)
class Event:
    """One step of what was done to a server.

    :ivar says: why it failed; '' if it did not.
    """

    name: str
    host: str
    result: str
    says: str


def events(servers: Servers, server: Any, action: str) -> list[Event]:
    """The steps of the last action of that name, in no order, as an
    administrator sees them."""
    compute: Any = servers.admin.compute
    done = [
        one for one in compute.server_actions(server) if one.action == action
    ]
    latest = max(done, key=lambda one: str(one.start_time))
    shown = compute.get_server_action(latest.request_id, server.id)
    return [
        Event(
            name=one['event'],
            host=one.get('host') or '',
            result=one.get('result') or '',
            says=one.get('details') or '',
        )
        for one in shown.events
    ]


def wait_for_failure(servers: Servers, server: Any, action: str) -> str:
    """Wait until an action has failed; return all that Nova says of it."""

    def said() -> str:
        if servers.show(server).task_state:
            return ''
        found = events(servers, server, action)
        return '\n'.join(one.says for one in found if one.result == 'Error')

    return wait.until(
        said, f'failure of {action} of {server.id}', timeout_s=180, pause_s=0.5
    )


def hosts_tried(servers: Servers, server: Any) -> list[str]:
    """The hosts that were to build a server, one after the other."""
    name = 'compute__do_build_and_run_instance'
    return [
        one.host
        for one in events(servers, server, 'create')
        if one.name == name
    ]


def fault_of(servers: Servers, server: Any) -> str:
    """What its owner reads of a server in ERROR."""
    compute: Any = servers.by.compute
    shown = compute.get_server(server.id)
    assert shown.status == 'ERROR', shown.status
    return str(shown.fault['message'])


def migrations(servers: Servers, server: Any) -> list[Any]:
    compute: Any = servers.admin.compute
    return [one for one in compute.migrations() if one.server_id == server.id]


def wait_for_copy(glance: Cloud, image_id: str) -> None:
    """Until Glance has accepted a copy of an image."""
    wait.until(
        lambda: glance.show(image_id).get('os_glance_import_task'),
        f'copy of {image_id}',
    )


def take_snapshot(servers: Servers, server: Any, name: str) -> str:
    """Ask for an image of a server; return the image's id."""
    compute: Any = servers.by.compute
    image_id: str = compute.get_server(server.id).create_image(compute, name)
    return image_id


def downloads(log: service.LogMark, image_id: str) -> int:
    """How often Glance has been asked for an image's data since then."""
    wanted = f'GET /v2/images/{image_id}/file'
    return log.text().count(wanted)


def base_files(compute: Compute, image_id: str) -> list[Path]:
    """What a host's image cache has of an image."""
    name = hashlib.sha1(image_id.encode()).hexdigest()  # noqa: S324
    return list((compute.instances / '_base').glob(f'{name}*'))


def cache_on_hosts(servers: Servers, aggregate: str, image_id: str) -> None:
    """Have each host of an aggregate download an image, and wait."""
    compute: Any = servers.admin.compute
    (found,) = (one for one in compute.aggregates() if one.name == aggregate)
    compute.aggregate_precache_images(found.id, image_id)
    wait.until(
        lambda: all(
            base_files(servers.nova.computes[host], image_id)
            for host in found.hosts
        ),
        f'{image_id} on the hosts of {aggregate}',
    )


# -- otherwise for a while ---------------------------------------------------


@contextlib.contextmanager
def configured(*computes: Compute, **more: dict[str, str]) -> Iterator[None]:
    """Have computes run with further sections of nova.conf."""
    try:
        _serve(*(one.with_conf(more) for one in computes))
        yield
    finally:
        _serve(*computes)


@contextlib.contextmanager
def stock(*computes: Compute) -> Iterator[None]:
    """Have Nova's own program serve computes, and then ours again."""
    try:
        _serve(*(one.with_program(STOCK) for one in computes))
        yield
    finally:
        _serve(*computes)


@contextlib.contextmanager
def opened_glance(lab: Lab) -> Iterator[None]:
    """Have Glance show locations to everybody, and copy images for everybody:
    what Nova alone needs, and what it should not do."""
    conf = lab.glance.home / 'glance-api.conf'
    policy = lab.glance.home / 'opened-policy.yaml'
    text = conf.read_text()
    more = {
        'DEFAULT': {'show_multiple_locations': 'true'},
        'oslo_policy': {'policy_file': str(policy)},
    }
    layout.write(policy, 'copy_image: ""\n')
    try:
        layout.write(conf, text + ini.text(more))
        _restart_glance(lab)
        yield
    finally:
        layout.write(conf, text)
        _restart_glance(lab)


def _restart_glance(lab: Lab) -> None:
    lab.glance.stop()
    lab.glance.start()


def _serve(*computes: Compute) -> None:
    def serve(compute: Compute) -> None:
        compute.prepare()
        compute.start()

    with ThreadPoolExecutor(len(computes)) as pool:
        list(pool.map(serve, computes))
