# SPDX-License-Identifier: Apache-2.0
"""What the lab's Nova has drawn at random, once: ports, ids and passwords.

Kept in ``.lab/nova/state.json``, as the lab's own is (:mod:`tests.lab.state`).
"""

import json
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.lab import layout
from tests.lab.state import free_ports, is_taken, password

#: The site of each compute.
COMPUTES = {
    'compute-a1': 'site_a',
    'compute-a2': 'site_a',
    'compute-b1': 'site_b',
}

#: Whose daemon listens on which ports.
PORTS = {
    'epmd': ('epmd',),
    'rabbitmq': ('rabbitmq', 'rabbitmq-nodes'),
    'mariadb': ('mariadb',),
    'placement': ('placement',),
    'neutron': ('neutron',),
    'nova-api': ('nova-api',),
    'open-glance': ('open-glance',),
}


@dataclass(frozen=True)
class NovaState:
    """
    :ivar ports: by name, those of :data:`PORTS`.
    :ivar passwords: the broker's and the database's.
    :ivar host_uuids: by compute; libvirt refuses to move a guest between
        hosts that have the same.
    """

    ports: dict[str, int]
    passwords: dict[str, str]
    host_uuids: dict[str, str]

    @classmethod
    def load_or_draw(cls, paths: layout.Layout) -> 'NovaState':
        drawn = cls.draw()
        try:
            found = cls(**json.loads(_file(paths).read_text()))
        except FileNotFoundError:
            drawn.save(paths)
            return drawn
        # An older lab may lack some.
        ports = {**drawn.ports, **found.ports}
        if ports != found.ports:
            found = replace(found, ports=ports)
            found.save(paths)
        return found

    def save(self, paths: layout.Layout) -> None:
        layout.write(_file(paths), json.dumps(asdict(self), indent=1))

    @classmethod
    def draw(cls) -> 'NovaState':
        free = free_ports()
        return cls(
            ports={
                name: next(free) for names in PORTS.values() for name in names
            },
            passwords={name: password() for name in ('rabbitmq', 'mariadb')},
            host_uuids={name: str(uuid.uuid4()) for name in COMPUTES},
        )

    def moved(self, stopped: Collection[str]) -> 'NovaState':
        """The state with other ports in place of those that somebody else
        has taken meanwhile; the same object if there are none.

        :param stopped: daemons of :data:`PORTS` that do not run now.
        """
        free = free_ports()
        taken = [
            name
            for daemon in stopped
            for name in PORTS[daemon]
            if is_taken(self.ports[name])
        ]
        if not taken:
            return self
        new = {name: next(free) for name in taken}
        return replace(self, ports={**self.ports, **new})


def _file(paths: layout.Layout) -> Path:
    return paths.nova / 'state.json'
