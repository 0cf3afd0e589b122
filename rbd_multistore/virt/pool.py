# SPDX-License-Identifier: Apache-2.0
"""A libvirt storage pool of type ``rbd``, from its XML.

Source of the form: libvirt's "Storage pool and volume XML format".
"""

from __future__ import annotations

import dataclasses

from lxml import etree

from rbd_multistore import exceptions

_SAFE = etree.XMLParser(resolve_entities=False, no_network=True)


@dataclasses.dataclass(frozen=True)
class Host:
    """A monitor as the pool names it; an empty port means the default."""

    name: str
    port: str


@dataclasses.dataclass(frozen=True)
class Secret:
    """Which of libvirt's secrets holds the key: one of the two is empty."""

    uuid: str
    usage: str


@dataclasses.dataclass(frozen=True)
class Pool:
    """A storage pool of type ``rbd``.

    :ivar name: its name in libvirt
    :ivar source: the Ceph pool
    :ivar hosts: the monitors
    :ivar user: the cephx user without ``client.``; empty: without cephx
    :ivar secret: where its key is; ``None``: without cephx
    """

    name: str
    source: str
    hosts: tuple[Host, ...]
    user: str
    secret: Secret | None


def parse_pool(xml: str) -> Pool:
    """Parse what libvirt's ``virStoragePool.XMLDesc`` gives.

    :raises LibvirtPoolInvalid: it is not of type ``rbd``, or lacks a part
    """
    root = etree.fromstring(xml, _SAFE)
    name = root.findtext('name') or ''
    if root.get('type') != 'rbd':
        raise _invalid(name, f'is of type {root.get("type")}, not rbd')
    source = root.findtext('source/name')
    if not source:
        raise _invalid(name, 'names no Ceph pool in <source><name>')
    hosts = tuple(
        Host(host.get('name', ''), host.get('port', ''))
        for host in root.iterfind('source/host')
    )
    if not hosts:
        raise _invalid(name, 'names no monitor in <source><host>')
    auth = root.find('source/auth')
    return Pool(
        name=name,
        source=source,
        hosts=hosts,
        user='' if auth is None else auth.get('username', ''),
        secret=None if auth is None else _secret(name, auth),
    )


def _secret(pool: str, auth: etree._Element) -> Secret:
    secret = auth.find('secret')
    if secret is None:
        raise _invalid(pool, 'has an <auth> without a <secret>')
    return Secret(secret.get('uuid', ''), secret.get('usage', ''))


def _invalid(name: str, fault: str) -> exceptions.LibvirtPoolInvalid:
    return exceptions.LibvirtPoolInvalid(
        f'The libvirt storage pool {name} {fault}: set libvirt_pool to a '
        'pool of type rbd.'
    )
