# SPDX-License-Identifier: Apache-2.0
"""librados' and librbd's errors, as ours.

The bindings raise one class for most error numbers and a plain ``Error``
for the rest, and the two modules share no root.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

import rados
import rbd

from rbd_multistore import exceptions

# This client's connection is of no more use; a new one may be.
_BROKEN: tuple[type[Exception], ...] = (
    rados.ConnectionShutdown,
    rados.NotConnected,
    rados.RadosStateError,
    rados.IoctxStateError,
    rbd.ConnectionShutdown,
)

_KINDS: tuple[
    tuple[tuple[type[Exception], ...], type[exceptions.CephError], str], ...
] = (
    (
        _BROKEN,
        exceptions.ClusterUnavailable,
        'the connection to the cluster was lost. Try again',
    ),
    (
        (rados.TimedOut, rados.InterruptedOrTimeoutError, rbd.Timeout),
        exceptions.ClusterUnavailable,
        'the cluster did not answer in time. See that its monitors and OSDs '
        'run, and that the key is the one of the user; or raise ceph_timeout',
    ),
    (
        (rbd.ImageNotFound, rbd.ObjectNotFound, rados.ObjectNotFound),
        exceptions.VolumeNotFound,
        'no such RBD image',
    ),
    (
        (rbd.ImageExists, rbd.ObjectExists, rados.ObjectExists),
        exceptions.VolumeExists,
        'an RBD image of that name is there already. Choose another name, '
        'or delete it first',
    ),
    (
        (rbd.ImageHasSnapshots, rbd.ImageBusy, rados.ObjectBusy),
        exceptions.VolumeBusy,
        'it is in use: a guest or a client has it open, or it has snapshots '
        'or clones',
    ),
    (
        (
            rbd.PermissionError,
            rados.PermissionError,
            rados.PermissionDeniedError,
        ),
        exceptions.CephForbidden,
        'the cephx user may not. Give it "profile rbd" on the pool, and at '
        'least "profile rbd-read-only" on the pool of the images',
    ),
)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise our errors in place of the bindings' while *doing* something.

    :param doing: what is being done, as it completes "Cannot ..."
    :raises CephError: the subclass that tells what happened
    """
    try:
        yield
    except (rados.Error, rbd.Error) as exc:
        raise _translate(doing, exc) from exc


def _translate(doing: str, exc: Exception) -> exceptions.CephError:
    for foreign, kind, words in _KINDS:
        if isinstance(exc, foreign):
            return kind(f'Cannot {doing}: {words}.')
    return exceptions.CephError(f'Cannot {doing}: {describe(exc)}.')


def describe(exc: Exception) -> str:
    """Return the error's own words, with the name of its number."""
    number = getattr(exc, 'errno', None)
    if number is None:
        return str(exc)
    name = errno.errorcode.get(abs(number), str(number))
    return f'{os.strerror(abs(number))} ({name})'
