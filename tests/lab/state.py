# SPDX-License-Identifier: Apache-2.0
"""What a lab has drawn at random, once: ports, ids, keys and passwords.

Kept in ``.lab/state.json`` with mode 0600.  It is written before anything is
made from it, so a lab that was killed half way is finished with the same
values.
"""

import base64
import json
import os
import random
import secrets
import socket
import struct
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace

from tests.lab import layout, wait

#: Below Linux's default range of ephemeral ports, so that no outgoing
#: connection sits on one of ours, and above what Ceph's OSDs and managers
#: pick for themselves (6800 to 7300).
PORTS = range(20000, 32000)

#: Seconds in which a port is free whose daemon has ended.
GIVEN_BACK_S = 5.0


@dataclass(frozen=True)
class SiteState:
    fsid: str
    osd_uuid: str
    mon_v2_port: int
    mon_v1_port: int
    keys: dict[str, str]  # by cephx entity
    secret_uuid: str  # libvirt's
    pool_uuid: str  # libvirt's


@dataclass(frozen=True)
class State:
    sites: dict[str, SiteState]
    keystone_port: int
    glance_port: int
    passwords: dict[str, str]  # by user

    @classmethod
    def load_or_draw(cls, paths: layout.Layout) -> 'State':
        try:
            found = cls.load(paths)
        except FileNotFoundError:
            found = None
        state = found.completed() if found else cls.draw()
        if state != found:
            state.save(paths)
        return state

    def completed(self) -> 'State':
        """With passwords for users that an older lab did not have."""
        return replace(self, passwords={**_draw_passwords(), **self.passwords})

    def save(self, paths: layout.Layout) -> None:
        layout.write(paths.state, json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, paths: layout.Layout) -> 'State':
        raw = json.loads(paths.state.read_text())
        sites = {n: SiteState(**site) for n, site in raw.pop('sites').items()}
        return cls(sites=sites, **raw)

    @classmethod
    def draw(cls) -> 'State':
        ports = free_ports()
        return cls(
            sites={name: _draw_site(ports) for name in layout.SITES},
            keystone_port=next(ports),
            glance_port=next(ports),
            passwords=_draw_passwords(),
        )


def moved(state: State, stopped: Collection[str]) -> State:
    """The state with other ports in place of those that somebody else has
    taken meanwhile; the same object if there are none.

    :param stopped: sites and services (``keystone``, ``glance``) that do not
        run now, so that their ports should be free.
    """
    ports = free_ports()

    def port(owner: str, now: int) -> int:
        if owner not in stopped or not is_taken(now):
            return now
        return next(ports)

    sites = {
        name: replace(
            site,
            mon_v2_port=port(name, site.mon_v2_port),
            mon_v1_port=port(name, site.mon_v1_port),
        )
        for name, site in state.sites.items()
    }
    new = replace(
        state,
        sites=sites,
        keystone_port=port('keystone', state.keystone_port),
        glance_port=port('glance', state.glance_port),
    )
    return state if new == state else new


ENTITIES = (
    'mon.',
    'mgr.x',
    'osd.0',
    'client.admin',
    'client.glance',
    'client.nova',
)


USERS = (
    'admin',
    'demo',
    'glance',
    'neutron',
    'nova',
    'placement',
    'rbd-multistore',
)


def _draw_passwords() -> dict[str, str]:
    return {user: password() for user in USERS}


def password() -> str:
    """A new password, which may stand in a URL."""
    return secrets.token_urlsafe(18)


def _draw_site(ports: Iterator[int]) -> SiteState:
    return SiteState(
        fsid=str(uuid.uuid4()),
        osd_uuid=str(uuid.uuid4()),
        mon_v2_port=next(ports),
        mon_v1_port=next(ports),
        keys={entity: cephx_key() for entity in ENTITIES},
        secret_uuid=str(uuid.uuid4()),
        pool_uuid=str(uuid.uuid4()),
    )


def cephx_key() -> str:
    """A new cephx secret, as ``ceph-authtool --gen-print-key`` makes one:
    type 1 (AES), seconds, nanoseconds, length, sixteen random bytes."""
    header = struct.pack('<HIIH', 1, int(time.time()), 0, 16)
    return base64.b64encode(header + os.urandom(16)).decode()


def free_ports() -> Iterator[int]:
    """Ports of the loopback address that nobody listens on now, in random
    order, so that two labs drawn at the same moment hardly collide."""
    for port in random.sample(PORTS, len(PORTS)):  # noqa: S311
        if port_is_free(port):
            yield port


def is_taken(port: int) -> bool:
    """Whether somebody has the port and keeps it.  The kernel takes a moment
    to give back that of a daemon which was killed."""
    try:
        wait.until(
            lambda: port_is_free(port),
            f'free port {port}',
            timeout_s=GIVEN_BACK_S,
        )
    except wait.TimedOut:
        return True
    return False


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
