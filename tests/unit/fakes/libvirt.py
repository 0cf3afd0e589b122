# SPDX-License-Identifier: Apache-2.0
"""Stands in for libvirt's bindings.

Error numbers and messages as libvirt 9.0.0 gives them.
"""
# The names are libvirt's.
# ruff: noqa: N801, N802, N803

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml import etree

from tests.unit.fakes.server import LibvirtServer, Secret, StoragePool

VIR_ERR_INVALID_CONN = 6
VIR_ERR_SYSTEM_ERROR = 38
VIR_ERR_NO_STORAGE_POOL = 49
VIR_ERR_OPERATION_INVALID = 55
VIR_ERR_INVALID_SECRET = 65
VIR_ERR_NO_SECRET = 66
VIR_ERR_STORAGE_VOL_EXIST = 90
VIR_SECRET_USAGE_TYPE_CEPH = 2


class libvirtError(Exception):
    def __init__(self, defmsg: str, conn: Any = None):
        super().__init__(defmsg)
        self.err: tuple[Any, ...] | None = None

    def get_error_code(self) -> int | None:
        return self.err[0] if self.err else None

    def get_error_message(self) -> str | None:
        return self.err[2] if self.err else None


def error(code: int, message: str) -> libvirtError:
    """Make the error that libvirt would raise."""
    made = libvirtError(message)
    made.err = (code, 0, message, 2, None, None, None, -1, -1)
    return made


class virStorageVol:
    def __init__(self, name: str):
        self._name = name

    def name(self) -> str:
        return self._name


class virStoragePool:
    def __init__(self, name: str, state: StoragePool):
        self._name = name
        self._state = state

    def name(self) -> str:
        return self._name

    def XMLDesc(self, flags: int = 0) -> str:
        return self._state.xml

    def isActive(self) -> int:
        return int(self._state.active)

    def createXML(
        self,
        xmlDesc: str,
        flags: int = 0,
    ) -> virStorageVol:
        name = etree.fromstring(xmlDesc).findtext('name') or ''
        if not self._state.active:
            raise error(
                VIR_ERR_OPERATION_INVALID,
                'Requested operation is not valid: storage pool '
                f"'{self._name}' is not active",
            )
        if name in self._state.volumes:
            raise error(
                VIR_ERR_STORAGE_VOL_EXIST,
                f"storage volume name '{name}' already in use.",
            )
        self._state.volumes[name] = xmlDesc
        return virStorageVol(name)


class virSecret:
    def __init__(self, state: Secret):
        self._state = state

    def UUIDString(self) -> str:
        return self._state.uuid

    def value(self, flags: int = 0) -> bytes:
        if self._state.value is None:
            raise error(
                VIR_ERR_NO_SECRET,
                f"Secret not found: secret '{self._state.uuid}' does not "
                'have a value',
            )
        return self._state.value

    def setValue(self, value: bytes, flags: int = 0) -> int:
        self._state.value = value
        return 0


class virConnect:
    def __init__(self, server: LibvirtServer):
        self._server = server
        self._generation = server.generation
        self.is_open = True
        server.connected += 1

    def isAlive(self) -> int:
        self._enter('virConnectIsAlive')
        return int(self._generation == self._server.generation)

    def close(self) -> int:
        self.is_open = False
        return 0

    def getLibVersion(self) -> int:
        return 9_000_000

    def getVersion(self) -> int:
        return 7_002_022

    def getType(self) -> str:
        return 'QEMU'

    def storagePoolLookupByName(self, name: str) -> virStoragePool:
        self._call('virStoragePoolLookupByName')
        if name not in self._server.pools:
            raise error(
                VIR_ERR_NO_STORAGE_POOL,
                'Storage pool not found: no storage pool with matching name '
                f"'{name}'",
            )
        return virStoragePool(name, self._server.pools[name])

    def storagePoolDefineXML(self, xml: str, flags: int = 0) -> virStoragePool:
        self._call('virStoragePoolDefineXML')
        name = etree.fromstring(xml).findtext('name') or ''
        self._server.pools[name] = StoragePool(xml)
        return virStoragePool(name, self._server.pools[name])

    def secretDefineXML(self, xml: str, flags: int = 0) -> virSecret:
        self._call('virSecretDefineXML')
        root = etree.fromstring(xml)
        uuid = root.findtext('uuid') or ''
        usage = root.findtext('usage/name') or ''
        for secret in self._server.secrets:
            if secret.uuid == uuid:
                return virSecret(secret)
        self._server.secrets.append(Secret(uuid, usage, None))
        return virSecret(self._server.secrets[-1])

    def secretLookupByUUIDString(self, uuidstr: str) -> virSecret:
        self._call('virSecretLookupByUUIDString')
        return self._secret('uuid', uuidstr)

    def secretLookupByUsage(
        self,
        usageType: int,
        usageID: str,
    ) -> virSecret:
        self._call('virSecretLookupByUsage')
        assert usageType == VIR_SECRET_USAGE_TYPE_CEPH
        return self._secret('usage', usageID)

    def _secret(self, kind: str, wanted: str) -> virSecret:
        for secret in self._server.secrets:
            if getattr(secret, kind) == wanted:
                return virSecret(secret)
        raise error(
            VIR_ERR_NO_SECRET,
            f"Secret not found: no secret with matching {kind} '{wanted}'",
        )

    def _enter(self, call: str) -> None:
        if not self.is_open:
            raise error(
                VIR_ERR_INVALID_CONN, f'invalid connection pointer in {call}'
            )

    def _call(self, call: str) -> None:
        self._enter(call)
        if self._generation != self._server.generation:
            raise error(
                VIR_ERR_SYSTEM_ERROR,
                'Cannot write data: Broken pipe',
            )


def open(name: str | None = None) -> virConnect:
    if name not in LibvirtServer.running:
        raise error(
            VIR_ERR_SYSTEM_ERROR,
            f"Failed to connect socket to '{name}': No such file or directory",
        )
    return virConnect(LibvirtServer.running[name])


def registerErrorHandler(
    f: Callable[[Any, Any], None] | None, ctx: Any
) -> int:
    return 1
