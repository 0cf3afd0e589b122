# SPDX-License-Identifier: Apache-2.0
"""What the configurations of Nova and of what it needs have in common."""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import ini, layout
from tests.lab.keystone import REGION, Keystone, Person
from tests.lab.nova.mariadb import Mariadb
from tests.lab.nova.rabbitmq import Rabbitmq
from tests.lab.nova.state import NovaState

#: Seconds after which a service that has not reported is taken for dead.
#: Two cores that are busy with a copy and with guests hold a report back.
SERVICE_DOWN_S = 60


@dataclass(frozen=True)
class Ground:
    """What all of them stand on."""

    paths: layout.Layout
    state: NovaState
    keystone: Keystone
    rabbitmq: Rabbitmq
    mariadb: Mariadb

    def port(self, name: str) -> int:
        return self.state.ports[name]

    def url(self, name: str) -> str:
        return f'http://127.0.0.1:{self.port(name)}'

    def conf(self, home: Path, person: Person) -> ini.Sections:
        """Of a service that has its files in ``home``."""
        return {
            'DEFAULT': {
                'debug': 'true',
                'use_stderr': 'true',
                'transport_url': self.rabbitmq.url,
            },
            'keystone_authtoken': self.keystone.authtoken(person),
            'oslo_concurrency': {'lock_path': str(home / 'locks')},
        }

    def client(self, person: Person) -> dict[str, str]:
        """The section of a service that is called as this person."""
        return {
            'auth_type': 'password',
            'region_name': REGION,
            **self.keystone.credentials(person),
        }
