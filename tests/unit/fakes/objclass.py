# SPDX-License-Identifier: Apache-2.0
"""Stands in for the object class ``rbd`` of the OSDs, with clone format 1."""

from __future__ import annotations

import struct

from tests.unit.fakes.server import CephServer, RbdImage

_HEADER = 'rbd_header.'
_NO_PARENT = struct.pack('<qIQQ', -1, 0, (1 << 64) - 2, 0)


class NoSuchObject(Exception): ...


def image_id(name: str) -> str:
    return name.encode().hex()


def image_name(id_: str) -> str:
    return bytes.fromhex(id_).decode()


def pool_id(server: CephServer, pool: str) -> int:
    return 1 + list(server.pools).index(pool)


def snapshot_id(image: RbdImage, snapshot: str) -> int:
    return 1 + list(image.snapshots).index(snapshot)


def execute(
    server: CephServer, pool: str, key: str, method: str, data: bytes
) -> bytes:
    """Answer a method called on an object.

    :raises NoSuchObject: there is none, or nothing is noted in it
    """
    if key.startswith(_HEADER):
        image = server.pools[pool].get(image_name(key.removeprefix(_HEADER)))
        if image is None or method == 'children_list':
            raise NoSuchObject
        if method == 'get_size':
            return struct.pack('<BQ', 22, image.size)
        assert method == 'get_parent', method
        overlap = struct.pack('<Q', image.size)
        parent = _parent(server, image)
        return parent + overlap if parent else _NO_PARENT
    assert (key, method) == ('rbd_children', 'get_children')
    children = [
        image_id(name).encode()
        for name, image in server.pools[pool].items()
        if _parent(server, image) == data
    ]
    if not children:
        raise NoSuchObject
    noted = (struct.pack('<I', len(child)) + child for child in children)
    return struct.pack('<I', len(children)) + b''.join(noted)


def _parent(server: CephServer, image: RbdImage) -> bytes:
    if image.parent is None:
        return b''
    pool, name, snapshot = image.parent
    its_id = image_id(name).encode()
    return (
        struct.pack('<qI', pool_id(server, pool), len(its_id))
        + its_id
        + struct.pack('<Q', snapshot_id(server.pools[pool][name], snapshot))
    )
