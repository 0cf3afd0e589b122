# SPDX-License-Identifier: Apache-2.0
"""What an RBD image's header tells, without opening the image.

librbd opens a clone with some twenty requests and four milliseconds of
processor time, its parent too. Two of those requests tell the size and the
parent: the methods ``get_size`` and ``get_parent`` of Ceph's object class
``rbd``. They are what librbd and the OSDs say to each other, and answer the
same way from the first release with images of format 2 on; what they do not
answer as expected is left to librbd.

Source: ``src/cls/rbd/cls_rbd.cc`` of Ceph, and observed (16.2).
"""

from __future__ import annotations

import dataclasses
import struct

import rados

_HEADER = 'rbd_header.'
_CLASS = 'rbd'

# Ceph's CEPH_NOSNAP: the image itself, not a snapshot of it.
_HEAD = struct.pack('<Q', (1 << 64) - 2)

# The order of the object size, and the size.
_SIZE = struct.Struct('<BQ')

# The parent's pool or -1, its image's id with its length before it, its
# snapshot; then how much of it shows through.
_POOL = struct.Struct('<q')
_OVERLAP = struct.Struct('<Q')
_LEAST_PARENT_BYTES = 28
_NO_POOL = -1

# Ids are of some ten letters.
_LONGEST_ANSWER = 1024

# What everybody's next request would meet too; the rest concerns one image.
_GENERAL = (
    rados.TimedOut,
    rados.InterruptedOrTimeoutError,
    rados.ConnectionShutdown,
    rados.NotConnected,
)


@dataclasses.dataclass(frozen=True)
class Header:
    """What is told of an image.

    :ivar size_bytes: its size
    :ivar parent: the same for all clones of one snapshot; empty: it is none
    """

    size_bytes: int
    parent: bytes


def read(disks: rados.Ioctx, image_id: str) -> Header | None:
    """Return the header of the image of that id, which is not its name.

    ``None``: it was not answered as expected; librbd may know more.
    """
    try:
        size = _ask(disks, image_id, 'get_size')
        parent = _ask(disks, image_id, 'get_parent')
    except _GENERAL:
        raise
    except rados.Error:
        return None
    if len(size) != _SIZE.size or len(parent) < _LEAST_PARENT_BYTES:
        return None
    return Header(_SIZE.unpack(size)[1], _shown(parent))


def _shown(parent: bytes) -> bytes:
    """Return which parent it is, if any of it still shows through."""
    (pool,) = _POOL.unpack_from(parent)
    (overlap_bytes,) = _OVERLAP.unpack_from(parent, -_OVERLAP.size)
    if pool == _NO_POOL or not overlap_bytes:
        return b''
    return parent[: -_OVERLAP.size]


def _ask(disks: rados.Ioctx, image_id: str, method: str) -> bytes:
    _, answer = disks.execute(
        _HEADER + image_id, _CLASS, method, _HEAD, _LONGEST_ANSWER
    )
    return answer
