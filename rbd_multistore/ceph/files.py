# SPDX-License-Identifier: Apache-2.0
"""RBD images from files and to files, with their holes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import rados
import rbd

from rbd_multistore.ceph.cluster import Cluster
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.snapshots import take_protected
from rbd_multistore.ceph.volumes import Volume, check_name, removed_on_error

# Read at a time, which is RBD's default size of an object; and the least
# run of zeros that is left out.
_CHUNK_BYTES = 4 << 20
_BLOCK_BYTES = 64 << 10
_ZEROS = bytes(_BLOCK_BYTES)


class Files:
    """Moves files into one pool, and images out of it. Safe for threads."""

    def __init__(self, cluster: Cluster, pool: str):
        """Work on the images of *pool* in *cluster*."""
        self._cluster = cluster
        self.pool = pool

    def import_file(
        self, path: Path, name: str, snapshot: str | None = None
    ) -> Volume:
        """Make *name* a volume with the content and the size of a file.

        Holes and zeros take no room. When anything fails, no volume is left.

        :param snapshot: name of a protected snapshot that is taken in the
            end, before the volume is closed; ``None``: of none
        :raises VolumeExists: the name is taken; that volume is not touched
        :raises OSError: the file cannot be read
        """
        check_name(name)
        doing = f'import {path} as {self.pool}/{name}'
        with (
            path.open('rb', buffering=0) as source,
            self._cluster.pool(self.pool, doing) as disks,
        ):
            size_bytes = os.fstat(source.fileno()).st_size
            rbd.RBD().create(disks, name, size_bytes)
            with removed_on_error(disks, name):
                _write(disks, name, source, size_bytes, snapshot)
        return Volume(name, self.pool, size_bytes, None)

    def export(self, snapshot: Snapshot, path: Path) -> None:
        """Write what a snapshot holds to a file, leaving holes.

        :raises VolumeNotFound: there is no such snapshot
        :raises OSError: the file cannot be written
        """
        doing = f'export {snapshot} to {path}'
        with (
            self._cluster.pool(snapshot.pool, doing) as images,
            rbd.Image(images, snapshot.image, read_only=True) as image,
            path.open('wb') as target,
        ):
            # Not opened at the snapshot: see snapshots.py.
            image.set_snap(snapshot.name)
            size_bytes = image.size()
            for offset, length in _extents(image, size_bytes):
                _copy_out(image, target, offset, length)
            target.truncate(size_bytes)


def data_runs(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a chunk holds between its zeros, each with its offset."""
    began: int | None = None
    for at in range(0, len(chunk), _BLOCK_BYTES):
        block = chunk[at : at + _BLOCK_BYTES]
        if block != _ZEROS[: len(block)]:
            began = at if began is None else began
        elif began is not None:
            yield began, chunk[began:at]
            began = None
    if began is not None:
        yield began, chunk[began:]


def _write(
    disks: rados.Ioctx,
    name: str,
    source: BinaryIO,
    size_bytes: int,
    snapshot: str | None,
) -> None:
    with rbd.Image(disks, name) as image:
        # librbd's cache holds writes back only once it has seen a flush:
        # from then on several are under way at a time.
        image.flush()
        for offset, chunk in _chunks(source, size_bytes):
            for at, run in data_runs(chunk):
                image.write(run, offset + at)
        image.flush()
        if snapshot is not None:
            take_protected(image, snapshot)


def _chunks(source: BinaryIO, size_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield what a file holds between its holes, each with its offset."""
    descriptor = source.fileno()
    offset = 0
    while offset < size_bytes:
        try:
            offset = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError:
            # ENXIO: a hole up to the end.
            return
        # Chunks end where RBD's objects do.
        end = min(offset - offset % _CHUNK_BYTES + _CHUNK_BYTES, size_bytes)
        chunk = os.pread(descriptor, end - offset, offset)
        if not chunk:
            return
        yield offset, chunk
        offset += len(chunk)


def _extents(image: rbd.Image, size_bytes: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []

    def note(offset: int, length: int, exists: bool) -> None:
        if exists:
            found.append((offset, length))

    image.diff_iterate(0, size_bytes, None, note)
    return found


def _copy_out(
    image: rbd.Image, target: BinaryIO, offset: int, length: int
) -> None:
    target.seek(offset)
    end = offset + length
    while offset < end:
        chunk = image.read(offset, min(_CHUNK_BYTES, end - offset))
        target.write(chunk)
        offset += len(chunk)
