# SPDX-License-Identifier: Apache-2.0
"""Storage pools of libvirt's, secrets and cephx users of one test."""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import libvirt
import rados
from lxml import etree

from tests.lab import ceph

RBD = 'profile rbd'

#: As the README has them.
RIGHTS = f'{RBD} pool=vms, {RBD} pool=images'

_CEPH = libvirt.VIR_SECRET_USAGE_TYPE_CEPH


@dataclass(frozen=True)
class Client:
    """A cephx user, with the files that an operator has of it."""

    user: str
    key: str
    conf: Path

    def define(self, name: str, pool: str = 'vms') -> tuple[str, ...]:
        """Return the words that define a storage pool for it."""
        return (
            *('pool', 'define', name, '--ceph-conf', str(self.conf)),
            *('--user', self.user, '--pool', pool),
        )


class Clients:
    """Makes cephx users, as the cluster's administrator, and removes
    them."""

    def __init__(
        self,
        cluster: ceph.Cluster,
        admin: rados.Rados,
        unique: Callable[[str], str],
        directory: Path,
    ) -> None:
        self._cluster = cluster
        self._admin = admin
        self._unique = unique
        self._directory = directory
        self._made: set[str] = set()

    def __call__(self, osd: str = RIGHTS) -> Client:
        """Make one with the rights *osd* on the pools."""
        return self._make(self._unique('user'), osd)

    def existing(self, user: str) -> Client:
        """Write the files of a user that there is, which stays."""
        return self._with_files(
            user, self._cluster.state.keys[f'client.{user}']
        )

    def anew(self, client: Client) -> Client:
        """Give a user another key."""
        self._remove(client.user)
        return self._make(client.user, RIGHTS)

    def remove(self) -> None:
        """Remove them all."""
        for user in self._made:
            self._remove(user)

    def _make(self, user: str, osd: str) -> Client:
        self._made.add(user)
        answer = ceph.command(
            self._admin,
            'auth get-or-create',
            entity=f'client.{user}',
            caps=['mon', RBD, 'osd', osd],
            format='json',
        )
        (made,) = json.loads(answer)
        return self._with_files(user, str(made['key']))

    def _with_files(self, user: str, key: str) -> Client:
        keyring = self._directory / f'{user}.keyring'
        keyring.write_text(f'[client.{user}]\n\tkey = {key}\n')
        conf = self._directory / f'{user}.conf'
        conf.write_text(
            '[global]\n'
            f'mon_host = {self._cluster.mon_host}\n'
            f'keyring = {keyring}\n'
        )
        return Client(user, key, conf)

    def _remove(self, user: str) -> None:
        ceph.command(self._admin, 'auth rm', entity=f'client.{user}')


class Pools:
    """Storage pools and secrets, undefined in the end."""

    def __init__(
        self,
        connection: libvirt.virConnect,
        cluster: ceph.Cluster,
        unique: Callable[[str], str],
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._unique = unique
        self._names: list[str] = []
        self._secrets: list[str] = []

    def name(self) -> str:
        """Give a name for a pool that somebody else may define."""
        self._names.append(self._unique('pool'))
        return self._names[-1]

    def define(self, secret: str, port: int | None = None) -> str:
        """Define a pool for the user ``nova``; return its name.

        :param secret: uuid of its secret
        :param port: of its monitor; the site's if not given
        """
        name = self.name()
        port = port or self._cluster.state.mon_v2_port
        self._connection.storagePoolDefineXML(
            f"<pool type='rbd'><name>{name}</name><source>"
            f"<host name='127.0.0.1' port='{port}'/><name>vms</name>"
            f"<auth type='ceph' username='nova'><secret uuid='{secret}'/>"
            '</auth></source></pool>'
        )
        return name

    def secret(self, value: bytes | None) -> str:
        """Define a secret, with a value or without; return its uuid."""
        name = str(uuid.uuid4())
        made = self._connection.secretDefineXML(
            f"<secret ephemeral='no' private='no'><uuid>{name}</uuid>"
            f"<usage type='ceph'><name>{self._unique('secret')}</name>"
            '</usage></secret>'
        )
        self._secrets.append(name)
        if value is not None:
            made.setValue(value)
        return name

    def xml(self, name: str) -> str:
        return self._connection.storagePoolLookupByName(name).XMLDesc()

    def is_active(self, name: str) -> bool:
        pool = self._connection.storagePoolLookupByName(name)
        return bool(pool.isActive())

    def names(self) -> list[str]:
        """Return the names of the pools that there are."""
        there = self._connection.listAllStoragePools()
        return sorted(pool.name() for pool in there)

    def secrets(self) -> dict[str, bytes]:
        """Return the values of the secrets that there are, by uuid."""
        return {
            secret.UUIDString(): secret.value()
            for secret in self._connection.listAllSecrets()
        }

    def has_secret(self, name: str) -> bool:
        """Tell whether there is a secret that was made for a pool."""
        try:
            self._connection.secretLookupByUsage(_CEPH, f'storage pool {name}')
        except libvirt.libvirtError:
            return False
        return True

    def key(self, name: str) -> str:
        """Return the key that a pool's secret holds, as Ceph writes it."""
        root = etree.fromstring(self.xml(name))
        (secret,) = root.iterfind('source/auth/secret')
        value = self._connection.secretLookupByUUIDString(secret.get('uuid'))
        return base64.b64encode(value.value()).decode()

    def remove(self) -> None:
        """Undefine what was made, also what was made only in part."""
        for name in self._names:
            with contextlib.suppress(libvirt.libvirtError):
                self._connection.storagePoolLookupByName(name).undefine()
            with contextlib.suppress(libvirt.libvirtError):
                self._connection.secretLookupByUsage(
                    _CEPH, f'storage pool {name}'
                ).undefine()
        for secret in self._secrets:
            self._connection.secretLookupByUUIDString(secret).undefine()
