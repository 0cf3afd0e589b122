# SPDX-License-Identifier: Apache-2.0
"""Define a storage pool of type ``rbd``, and the secret with its key."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence

from lxml import etree

from rbd_multistore import exceptions
from rbd_multistore.virt.libvirtd import Libvirt, find_secret
from rbd_multistore.virt.pool import Host, Pool, Secret, parse_pool
from rbd_multistore.virt.storage import find_pool

# Names the secret of a pool, so that defining it again finds it again.
_NAMESPACE = uuid.UUID('0b0c8f0e-8b0a-4d59-9d5a-5d9f6a0d2f61')


def define_pool(
    daemon: Libvirt,
    name: str,
    source: str,
    hosts: Sequence[Host],
    user: str,
    key: str,
) -> Pool:
    """Define the storage pool *name* and its secret; return the pool.

    Doing it again changes nothing but the key, if that is another one. The
    pool is neither started nor marked to be.

    :param source: the Ceph pool
    :param user: the cephx user without ``client.``
    :param key: its key, in base64
    :raises LibvirtPoolInvalid: a pool of that name is defined otherwise
    """
    secret = Secret(str(uuid.uuid5(_NAMESPACE, name)), '')
    wanted = Pool(name, source, tuple(hosts), user, secret)
    with daemon.doing(f'define the storage pool {name}') as connection:
        there = find_pool(connection, name)
        found = _parsed(name, there.XMLDesc(0)) if there else None
        if found is not None and _rest(found) != _rest(wanted):
            raise _another(name)
        used = found.secret if found and found.secret else secret
        if used == secret:
            connection.secretDefineXML(_secret_xml(name, secret), 0)
        find_secret(connection, used).setValue(base64.b64decode(key), 0)
        if found is None:
            connection.storagePoolDefineXML(_pool_xml(wanted), 0)
    return found or wanted


def _parsed(name: str, xml: str) -> Pool:
    try:
        return parse_pool(xml)
    except exceptions.LibvirtPoolInvalid as exc:
        raise _another(name) from exc


def _another(name: str) -> exceptions.LibvirtPoolInvalid:
    return exceptions.LibvirtPoolInvalid(
        f'The libvirt storage pool {name} is there and is another one: '
        'choose another name, or undefine it (virsh pool-undefine).'
    )


def _rest(pool: Pool) -> tuple[object, ...]:
    """Return what must be the same: all but which secret has the key."""
    return pool.source, frozenset(pool.hosts), pool.user


def _secret_xml(name: str, secret: Secret) -> str:
    root = etree.Element('secret', ephemeral='no', private='no')
    etree.SubElement(root, 'uuid').text = secret.uuid
    usage = etree.SubElement(root, 'usage', type='ceph')
    etree.SubElement(usage, 'name').text = f'storage pool {name}'
    return etree.tostring(root, encoding='unicode')


def _pool_xml(pool: Pool) -> str:
    root = etree.Element('pool', type='rbd')
    etree.SubElement(root, 'name').text = pool.name
    source = etree.SubElement(root, 'source')
    for host in pool.hosts:
        attributes = {'name': host.name}
        if host.port:
            attributes['port'] = host.port
        etree.SubElement(source, 'host', attributes)
    etree.SubElement(source, 'name').text = pool.source
    if pool.secret is not None:
        auth = etree.SubElement(
            source, 'auth', type='ceph', username=pool.user
        )
        etree.SubElement(auth, 'secret', uuid=pool.secret.uuid)
    return etree.tostring(root, encoding='unicode')
