# SPDX-License-Identifier: Apache-2.0
"""Stands in for librbd's bindings.

Error classes and numbers as in those of Ceph 16.2, and as seen there.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

from tests.unit.fakes import objclass, rados
from tests.unit.fakes.server import RbdImage, RbdSnapshot

RBD_FEATURE_FAST_DIFF = 16
RBD_LOCK_MODE_EXCLUSIVE = 0


class Error(Exception):
    words: ClassVar[str] = ''

    def __init__(self, message: str, errno: int | None = None):
        said = f'{self.words} ({message})' if self.words else message
        super().__init__(said)


class OSError(Error):
    def __init__(self, message: str, errno: int | None = None):
        super().__init__(message)
        self.errno = errno

    def __str__(self) -> str:
        said = super().__str__()
        return said if self.errno is None else f'[errno {self.errno}] {said}'


class PermissionError(OSError):
    words = 'RBD permission error'


class ImageNotFound(OSError):
    words = 'RBD image not found'


class ObjectNotFound(OSError):
    words = 'RBD object not found'


class ImageExists(OSError):
    words = 'RBD image already exists'


class ObjectExists(OSError):
    words = 'RBD object already exists'


class IOError(OSError):
    words = 'RBD I/O error'


class NoSpace(OSError):
    words = 'RBD insufficient space available'


class IncompleteWriteError(OSError):
    words = 'RBD incomplete write'


class InvalidArgument(OSError):
    words = 'RBD invalid argument'


class LogicError(OSError):
    words = 'RBD logic error'


class ReadOnlyImage(OSError):
    words = 'RBD read-only image'


class ImageBusy(OSError):
    words = 'RBD image is busy'


class ImageHasSnapshots(OSError):
    words = 'RBD image has snapshots'


class FunctionNotSupported(OSError):
    words = 'RBD function not supported'


class ArgumentOutOfRange(OSError):
    words = 'RBD arguments out of range'


class ConnectionShutdown(OSError):
    words = 'RBD connection was shutdown'


class Timeout(OSError):
    words = 'RBD operation timeout'


class DiskQuotaExceeded(OSError):
    words = 'RBD disk quota exceeded'


class OperationNotSupported(OSError):
    words = 'RBD operation not supported'


class OperationCanceled(OSError):
    words = 'RBD operation canceled'


class RBD:
    def create(self, ioctx: rados.Ioctx, name: str, size: int) -> None:
        images = _images(ioctx, 'RBD.create')
        with ioctx.server.lock:
            if name in images:
                raise ImageExists('error creating image', errno=17)
            images[name] = RbdImage(size)

    def clone(
        self,
        p_ioctx: rados.Ioctx,
        p_name: str,
        p_snapname: str,
        c_ioctx: rados.Ioctx,
        c_name: str,
        features: int | None = None,
    ) -> None:
        parents = _images(p_ioctx, 'RBD.clone')
        clones = _images(c_ioctx, 'RBD.clone')
        with c_ioctx.server.lock:
            parent = parents.get(p_name)
            if parent is None or p_snapname not in parent.snapshots:
                raise ImageNotFound('error creating clone', errno=2)
            snapshot = parent.snapshots[p_snapname]
            if not snapshot.protected:
                raise InvalidArgument('error creating clone', errno=22)
            if c_name in clones:
                raise ImageExists('error creating clone', errno=17)
            snapshot.clones += 1
            clones[c_name] = RbdImage(
                snapshot.size, parent=(p_ioctx.pool, p_name, p_snapname)
            )

    def list(self, ioctx: rados.Ioctx) -> builtins.list[str]:
        return list(_images(ioctx, 'RBD.list'))

    def list2(self, ioctx: rados.Ioctx) -> Iterator[dict[str, str]]:
        for name in self.list(ioctx):
            yield {'id': objclass.image_id(name), 'name': name}

    def remove(self, ioctx: rados.Ioctx, name: str) -> None:
        images = _images(ioctx, 'RBD.remove')
        with ioctx.server.lock:
            image = _found(images, name, 'error removing image')
            if image.snapshots:
                raise ImageHasSnapshots('error removing image', errno=39)
            if image.writers:
                raise ImageBusy('error removing image', errno=16)
            del images[name]

    def trash_move(
        self, ioctx: rados.Ioctx, name: str, delay: int = 0
    ) -> None:
        images = _images(ioctx, 'RBD.trash_move')
        with ioctx.server.lock:
            _found(images, name, 'error moving image to trash')
            del images[name]
            ioctx.server.trash[ioctx.pool].append(name)


class Image:
    def __init__(
        self,
        ioctx: rados.Ioctx,
        name: str | None = None,
        snapshot: str | None = None,
        read_only: bool = False,
        image_id: str | None = None,
    ):
        images = _images(ioctx, 'Image')
        if image_id is not None:
            name = objclass.image_name(image_id)
        self._name = name or ''
        self._said = f'image {name!r}'
        doing = f'error opening {self._said} at snapshot {snapshot}'
        self._image = _found(images, self._name, doing)
        if snapshot is not None and snapshot not in self._image.snapshots:
            raise ImageNotFound(doing, errno=2)
        self._ioctx = ioctx
        self._snapshot = snapshot
        self._read_only = read_only or snapshot is not None
        self._is_open = True
        if not self._read_only:
            ioctx.server.enter('Image for writing')
            self._image.writers += 1

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        self.close()
        return False

    def close(self) -> None:
        if self._is_open and not self._read_only:
            self._image.writers -= 1
        self._is_open = False

    def id(self) -> str:
        self._enter('Image.id')
        return objclass.image_id(self._name)

    def size(self) -> int:
        self._enter('Image.size')
        if self._snapshot is not None:
            return self._image.snapshots[self._snapshot].size
        return self._image.size

    def resize(self, size: int, allow_shrink: bool = True) -> None:
        self._enter('Image.resize', writes=True)
        self._image.size = size

    def flatten(self) -> None:
        self._enter('Image.flatten', writes=True)
        if self._image.parent is None:
            raise InvalidArgument(f'error flattening {self._said}', errno=22)
        self._image.parent = None

    def create_snap(self, name: str) -> None:
        self._enter('Image.create_snap', writes=True)
        if name in self._image.snapshots:
            raise ImageExists(f'error creating snapshot {name}', errno=17)
        self._image.snapshots[name] = RbdSnapshot(self._image.size)

    def remove_snap(self, name: str) -> None:
        self._enter('Image.remove_snap', writes=True)
        snapshot = self._image.snapshots.get(name)
        if snapshot is None:
            raise ImageNotFound(f'error removing snapshot {name}', errno=2)
        if snapshot.protected:
            raise ImageBusy(f'error removing snapshot {name}', errno=16)
        del self._image.snapshots[name]

    def protect_snap(self, name: str) -> None:
        self._enter('Image.protect_snap', writes=True)
        self._image.snapshots[name].protected = True

    def unprotect_snap(self, name: str) -> None:
        self._enter('Image.unprotect_snap', writes=True)
        if self._image.snapshots[name].clones:
            raise ImageBusy(f'error unprotecting snapshot {name}', errno=16)
        self._image.snapshots[name].protected = False

    def list_snaps(self) -> Iterator[dict[str, Any]]:
        self._enter('Image.list_snaps')
        for name, snapshot in self._image.snapshots.items():
            snap_id = objclass.snapshot_id(self._image, name)
            yield {'id': snap_id, 'name': name, 'size': snapshot.size}

    def watchers_list(self) -> Iterator[dict[str, Any]]:
        self._enter('Image.watchers_list')
        for cookie in range(self._image.writers):
            yield {'addr': '127.0.0.1:0/1', 'id': 1, 'cookie': cookie}

    def features(self) -> int:
        self._enter('Image.features')
        return RBD_FEATURE_FAST_DIFF

    def lock_acquire(self, lock_mode: int) -> None:
        self._enter('Image.lock_acquire', writes=True)

    def get_parent_image_spec(self) -> dict[str, Any]:
        self._enter('Image.get_parent_image_spec')
        if self._image.parent is None:
            doing = f'error getting parent info for {self._said}'
            raise ImageNotFound(doing, errno=2)
        pool, image, snapshot = self._image.parent
        return {
            'pool_name': pool,
            'pool_namespace': '',
            'image_name': image,
            'snap_name': snapshot,
        }

    def diff_iterate(
        self,
        offset: int,
        length: int,
        from_snapshot: str | None,
        iterate_cb: Callable[[int, int, bool], None],
        include_parent: bool = True,
        whole_object: bool = False,
    ) -> None:
        self._enter('Image.diff_iterate')
        iterate_cb(offset, min(length, self._image.size), True)

    def _enter(self, call: str, writes: bool = False) -> None:
        if not self._is_open:
            raise InvalidArgument('image is closed')
        _enter(self._ioctx, call)
        if writes and self._read_only:
            raise ReadOnlyImage(f'error in {call} of {self._said}', errno=30)


def _images(ioctx: rados.Ioctx, call: str) -> dict[str, RbdImage]:
    _enter(ioctx, call)
    return ioctx.server.pools[ioctx.pool]


def _enter(ioctx: rados.Ioctx, call: str) -> None:
    # The real bindings take the whole process down at this point.
    assert ioctx.is_open, f'{call} on a pool that was closed'
    assert ioctx.connection.state == 'connected', f'{call} after shutdown'
    if ioctx.connection.is_fenced:
        raise ConnectionShutdown(call, errno=108)
    if not ioctx.server.is_up:
        raise Timeout(call, errno=110)
    ioctx.server.enter(call)


def _found(images: dict[str, RbdImage], name: str, doing: str) -> RbdImage:
    if name not in images:
        raise ImageNotFound(doing, errno=2)
    return images[name]
