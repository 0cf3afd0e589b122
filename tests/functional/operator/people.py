# SPDX-License-Identifier: Apache-2.0
"""People of one test, each in a project of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from tests.lab import keystone


@dataclass(frozen=True)
class Somebody:
    """A user, in the only project that it has a role in."""

    credentials: dict[str, str]

    @property
    def environ(self) -> dict[str, str]:
        """``OS_*`` as this user has them."""
        facts = {
            **self.credentials,
            'auth_type': 'password',
            'region_name': keystone.REGION,
        }
        return {f'OS_{k.upper()}': v for k, v in facts.items()}

    @contextlib.contextmanager
    def session(self) -> Iterator[ks_session.Session]:
        made = ks_session.Session(v3.Password(**self.credentials), timeout=300)
        yield made
        made.session.close()


class People:
    """Makes them, as the cloud's administrator, and removes them."""

    def __init__(
        self,
        admin: ks_session.Session,
        common: dict[str, str],
        unique: Callable[[str], str],
    ) -> None:
        """Let them have *common* credentials, but for name and project."""
        self._admin = admin
        self._common = common
        self._unique = unique
        self._made: list[str] = []

    def __call__(self, *roles: str) -> Somebody:
        """Make a user with *roles* in a project of its own."""
        name = self._unique('user')
        domain = {'name': name, 'domain_id': 'default'}
        project = self._make('project', domain)
        user = self._make('user', {**domain, 'password': name})
        for role in roles:
            self._ask(
                'PUT',
                f'/projects/{project}/users/{user}/roles/{self._role(role)}',
            )
        return Somebody(
            {
                **self._common,
                'username': name,
                'password': name,
                'project_name': name,
            }
        )

    def remove(self) -> None:
        """Remove them all."""
        while self._made:
            self._ask('DELETE', self._made.pop())

    def _make(self, kind: str, facts: dict[str, str]) -> str:
        answer = self._ask('POST', f'/{kind}s', json={kind: facts})
        made = str(answer.json()[kind]['id'])
        self._made.append(f'/{kind}s/{made}')
        return made

    def _role(self, name: str) -> str:
        (found,) = self._ask('GET', f'/roles?name={name}').json()['roles']
        return str(found['id'])

    def _ask(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self._admin.request(
            path,
            method,
            endpoint_filter={
                'service_type': 'identity',
                'interface': 'public',
            },
            **kwargs,
        )
