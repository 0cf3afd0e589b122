# SPDX-License-Identifier: Apache-2.0
"""A site's RBD images, seen and prepared by the cluster's administrator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import rados
import rbd

from tests.lab import wait

POOL = 'vms'
IMAGES = 'images'

#: What one RBD image is known by: its size and its snapshots.
Seen = tuple[int, frozenset[str]]


@dataclass(frozen=True)
class Disks:
    """The RBD images of one site."""

    connection: rados.Rados

    @contextlib.contextmanager
    def pool(self, name: str = POOL) -> Iterator[rados.Ioctx]:
        ioctx = self.connection.open_ioctx(name)
        try:
            yield ioctx
        finally:
            ioctx.close()

    @contextlib.contextmanager
    def opened(
        self,
        name: str,
        pool: str = POOL,
        snapshot: str | None = None,
        read_only: bool = True,
    ) -> Iterator[rbd.Image]:
        with (
            self.pool(pool) as ioctx,
            rbd.Image(ioctx, name, snapshot, read_only) as image,
        ):
            yield image

    def names(self, pool: str = POOL) -> set[str]:
        with self.pool(pool) as ioctx:
            return set(rbd.RBD().list(ioctx))

    def trashed(self, pool: str = POOL) -> set[str]:
        with self.pool(pool) as ioctx:
            return {entry['name'] for entry in rbd.RBD().trash_list(ioctx)}

    def make(self, name: str, data: bytes, snapshot: str = '') -> None:
        """Make a volume behind everybody's back."""
        with self.pool() as ioctx:
            rbd.RBD().create(ioctx, name, len(data))
        with self.opened(name, read_only=False) as image:
            image.write(data, 0)
            if snapshot:
                image.create_snap(snapshot)

    def read(
        self, name: str, pool: str = POOL, snapshot: str | None = None
    ) -> bytes:
        with self.opened(name, pool, snapshot) as image:
            data: bytes = image.read(0, image.size())
            return data

    def seen(self, name: str, pool: str = POOL) -> Seen:
        with self.opened(name, pool) as image:
            snapshots = frozenset(s['name'] for s in image.list_snaps())
            return image.size(), snapshots

    def restore(self, name: str) -> None:
        """Take a volume out of the trash."""
        with self.pool() as ioctx:
            for entry in rbd.RBD().trash_list(ioctx):
                if entry['name'] == name:
                    rbd.RBD().trash_restore(ioctx, entry['id'], name)

    def remove(self, name: str, pool: str = POOL) -> None:
        """Remove an RBD image with its snapshots, from the trash too."""
        with self.pool(pool) as ioctx:
            for entry in rbd.RBD().trash_list(ioctx):
                if entry['name'] == name:
                    rbd.RBD().trash_remove(ioctx, entry['id'], force=True)
            with contextlib.suppress(rbd.ImageNotFound):
                self._remove_snapshots(name, pool)
                # A client that was cut off holds it for half a minute.
                wait.until(
                    lambda: self._removed(ioctx, name),
                    f'removal of {name}',
                    ignore=(rbd.ImageBusy,),
                )

    def _remove_snapshots(self, name: str, pool: str) -> None:
        with self.opened(name, pool, read_only=False) as image:
            for snapshot in image.list_snaps():
                if image.is_protected_snap(snapshot['name']):
                    image.unprotect_snap(snapshot['name'])
                image.remove_snap(snapshot['name'])

    @staticmethod
    def _removed(ioctx: rados.Ioctx, name: str) -> bool:
        rbd.RBD().remove(ioctx, name)
        return True
