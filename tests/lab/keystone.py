# SPDX-License-Identifier: Apache-2.0
"""Keystone: the people, the services and the catalogue of the lab."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import fernet
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from tests.lab import ini, layout, service, sqlite, state

REGION = 'RegionOne'

CONF: ini.Sections = {
    'DEFAULT': {'use_stderr': 'true'},
    # Seconds; long enough for a bench of an evening.
    'token': {'provider': 'fernet', 'expiration': '86400'},
    # There is one process, so what it remembers is never out of date.
    'cache': {'enabled': 'true', 'backend': 'dogpile.cache.memory'},
    # The cheapest that bcrypt knows: these passwords guard a loopback
    # address.
    'identity': {'password_hash_rounds': '4'},
}

#: Name of a service by its type.
SERVICES = {
    'identity': 'keystone',
    'image': 'glance',
    'compute': 'nova',
    'placement': 'placement',
    'network': 'neutron',
}


@dataclass(frozen=True)
class Person:
    """A user of the lab and the roles it has in its one project."""

    user: str
    project: str
    roles: tuple[str, ...]


ADMIN = Person('admin', 'admin', ('admin',))
DEMO = Person('demo', 'demo', ('member',))
SERVICE = Person('rbd-multistore', 'service', ('service', 'admin'))
GLANCE = Person('glance', 'service', ('service', 'admin'))
NOVA = Person('nova', 'service', ('service', 'admin'))
PLACEMENT = Person('placement', 'service', ('service', 'admin'))
NEUTRON = Person('neutron', 'service', ('service', 'admin'))

#: ``keystone-manage bootstrap`` makes the administrator.
MADE_BY_US = (DEMO, SERVICE, GLANCE)


@dataclass(frozen=True)
class Keystone:
    paths: layout.Layout
    state: state.State

    @property
    def home(self) -> Path:
        return self.paths.keystone

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='keystone',
            module='keystone.wsgi.api',
            port=self.state.keystone_port,
            home=self.home,
            paths=self.paths,
            environ={'OS_KEYSTONE_CONFIG_FILES': str(self._conf)},
        )

    @property
    def _conf(self) -> Path:
        return self.home / 'keystone.conf'

    @property
    def auth_url(self) -> str:
        return f'{self.service.url}/v3'

    def session(self, person: Person) -> ks_session.Session:
        """A session with this person's credentials."""
        credentials: dict[str, Any] = {**self.credentials(person)}
        auth = v3.Password(**credentials)
        return ks_session.Session(auth, timeout=300)

    def credentials(self, person: Person) -> dict[str, str]:
        """As keystoneauth's ``password`` plugin takes them."""
        return {
            'auth_url': self.auth_url,
            'username': person.user,
            'password': self.state.passwords[person.user],
            'project_name': person.project,
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
        }

    def authtoken(self, person: Person) -> dict[str, str]:
        """The section ``keystone_authtoken`` of a service.  Each is one
        process, so there is no cache of tokens to share."""
        return {
            'auth_type': 'password',
            'www_authenticate_uri': self.auth_url,
            'service_token_roles_required': 'true',
            **self.credentials(person),
        }

    def up(self, endpoints: Mapping[str, str]) -> None:
        """Make, start and fill it.

        :param endpoints: url by service type, besides identity.
        """
        keys = {
            'fernet_tokens': 'fernet-keys',
            'fernet_receipts': 'fernet-keys',
            'credential': 'credential-keys',
        }
        own = {
            section: {'key_repository': str(self.home / repository)}
            for section, repository in keys.items()
        }
        database = sqlite.conf(self.service.database)
        layout.write(self._conf, ini.text(CONF, own, database))
        for repository in ('fernet-keys', 'credential-keys'):
            _make_keys(self.home / repository)
        manage = ['keystone-manage', '--config-file', str(self._conf)]
        self.service.make_database(
            [*manage, 'db_sync'],
            [*manage, 'bootstrap', *self._bootstrap()],
        )
        self.service.start()
        self.fill(
            'filled', MADE_BY_US, {'identity': self.auth_url, **endpoints}
        )

    def fill(
        self,
        name: str,
        people: Sequence[Person],
        endpoints: Mapping[str, str],
    ) -> None:
        """Put people and endpoints in, unless the same were put into this
        database under this name before."""
        passwords = {
            person.user: self.state.passwords[person.user]
            for person in (ADMIN, *people)
        }
        wanted = json.dumps([endpoints, passwords])
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        # Beside the database by name, so that it goes when that does.
        database = self.service.database
        done = database.with_name(f'{database.name}.{name}')
        if done.exists() and done.read_text() == digest:
            return
        session = self.session(ADMIN)
        Filler(session, self.auth_url).fill(people, passwords, endpoints)
        session.session.close()
        layout.write(done, digest)

    def _bootstrap(self) -> list[str]:
        return [
            '--bootstrap-password',
            self.state.passwords['admin'],
            '--bootstrap-region-id',
            REGION,
            '--bootstrap-service-name',
            'keystone',
        ]


def _make_keys(repository: Path) -> None:
    """What ``keystone-manage fernet_setup`` leaves: the next key as 0, the
    one in use as 1.  Each call of that takes seconds."""
    repository.mkdir(mode=0o700, exist_ok=True)
    for name in ('0', '1'):
        if not (repository / name).exists():
            key = fernet.Fernet.generate_key().decode()
            layout.write(repository / name, key)


@dataclass(frozen=True)
class Filler:
    """Brings what Keystone holds to what the lab wants; what is right
    already is left alone."""

    session: ks_session.Session
    url: str

    def fill(
        self,
        people: Sequence[Person],
        passwords: Mapping[str, str],
        endpoints: Mapping[str, str],
    ) -> None:
        roles = {
            name: self._ensure('roles', {'name': name})['id']
            for name in ('admin', 'member', 'reader', 'service')
        }
        for person in people:
            self._ensure_person(person, passwords[person.user], roles)
        for kind, url in endpoints.items():
            self._ensure_endpoints(kind, url)

    def _ensure_person(
        self, person: Person, password: str, roles: Mapping[str, str]
    ) -> None:
        domain = {'domain_id': 'default'}
        project = self._ensure('projects', {'name': person.project, **domain})
        user = self._ensure(
            'users',
            {'name': person.user, **domain},
            {
                'password': password,
                'default_project_id': project['id'],
            },
        )
        for role in person.roles:
            path = f'projects/{project["id"]}/users/{user["id"]}/roles'
            self.session.put(f'{self.url}/{path}/{roles[role]}')

    def _ensure_endpoints(self, kind: str, url: str) -> None:
        # Some services of a cloud ask for the internal endpoint (Glance does
        # for quotas), people for the public one.
        key = {'type': kind, 'name': SERVICES[kind]}
        found = self._ensure('services', key)
        for interface in ('public', 'internal', 'admin'):
            endpoint = self._ensure(
                'endpoints',
                {'service_id': found['id'], 'interface': interface},
                {'region_id': REGION, 'url': url},
            )
            if endpoint['url'] != url:
                self.session.patch(
                    f'{self.url}/endpoints/{endpoint["id"]}',
                    json={'endpoint': {'url': url}},
                )

    def _ensure(
        self,
        plural: str,
        key: Mapping[str, str],
        rest: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Find the one with these values, or make it."""
        answer = self.session.get(f'{self.url}/{plural}', params=dict(key))
        found: list[dict[str, Any]] = answer.json()[plural]
        if found:
            return found[0]
        singular = plural[:-1]
        made = self.session.post(
            f'{self.url}/{plural}',
            json={singular: {**key, **(rest or {})}},
        )
        one: dict[str, Any] = made.json()[singular]
        return one


def openrc(credentials: Mapping[str, str]) -> str:
    """A shell script that sets ``OS_*`` for the openstack command."""
    values = {
        **credentials,
        'auth_type': 'password',
        'identity_api_version': '3',
        'region_name': REGION,
    }
    return ''.join(
        f"export OS_{name.upper()}='{value}'\n"
        for name, value in sorted(values.items())
    )
