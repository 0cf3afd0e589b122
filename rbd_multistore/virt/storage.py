# SPDX-License-Identifier: Apache-2.0
"""A libvirt storage pool, by its name.

Nothing here refreshes or starts a pool: on libvirt 9 that opens every image
in it, at some 14 ms each.
"""

from __future__ import annotations

import libvirt

from rbd_multistore import exceptions
from rbd_multistore.virt import disk
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Pool, parse_pool


class StoragePool:
    """A storage pool of type ``rbd``. Safe for threads."""

    def __init__(self, daemon: Libvirt, name: str):
        """Work with the pool that *daemon* knows as *name*."""
        self.name = name
        self._daemon = daemon

    def definition(self) -> Pool:
        """Return what the pool's XML says, read afresh.

        :raises LibvirtPoolNotFound: there is none of that name
        :raises LibvirtPoolInvalid: it is not of type ``rbd``
        """
        return self._daemon.read(
            f'read storage pool {self.name}',
            lambda conn: parse_pool(self._lookup(conn).XMLDesc(0)),
        )

    def create_volume(self, name: str, size_bytes: int) -> bool:
        """Make a blank volume, so that the pool knows of it at once.

        Return whether libvirt made it. It does not where the pool is
        inactive, or still lists a volume of that name that was removed
        behind its back.

        :raises LibvirtPoolNotFound: there is no such pool
        :raises VirtError: libvirt could not make it; an RBD image of that
            name which was there before is not touched
        """
        with self._daemon.doing(f'create {name} in {self.name}') as conn:
            pool = self._lookup(conn)
            if not pool.isActive():
                return False
            try:
                pool.createXML(disk.volume_xml(name, size_bytes), 0)
            except libvirt.libvirtError as exc:
                if exc.get_error_code() != libvirt.VIR_ERR_STORAGE_VOL_EXIST:
                    raise
                return False
            return True

    def _lookup(self, conn: libvirt.virConnect) -> libvirt.virStoragePool:
        found = find_pool(conn, self.name)
        if found is None:
            raise exceptions.LibvirtPoolNotFound(
                f'libvirt has no storage pool {self.name}: define it '
                '(rbd-multistore pool define, or virsh pool-define), or set '
                'libvirt_pool to one that it has.'
            )
        return found


def find_pool(
    conn: libvirt.virConnect, name: str
) -> libvirt.virStoragePool | None:
    """Return libvirt's handle of a pool; ``None``: there is none."""
    try:
        return conn.storagePoolLookupByName(name)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_POOL:
            raise
        return None
