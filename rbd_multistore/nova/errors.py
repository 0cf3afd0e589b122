# SPDX-License-Identifier: Apache-2.0
"""Our errors, as those that Nova's callers decide by.

``ImageUnacceptable``
    the image cannot be cloned at this site: it is downloaded instead, or the
    build ends where ``never_download_image_if_on_rbd`` forbids that
``BuildAbortException``
    no host could do it: the build ends, and is not tried on others
``Forbidden``
    not by us: a direct snapshot becomes an ordinary one
anything else
    a build is tried on another host

Source: ``nova.compute.manager.ComputeManager._build_and_run_instance`` and
``nova.virt.libvirt.driver.LibvirtDriver`` (``snapshot``,
``_create_and_inject_local_root``), Nova 34.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from nova import exception

from rbd_multistore import exceptions

#: What an instance raises, when it is saved, that is being deleted.
DELETED = (
    exception.InstanceNotFound,
    exception.UnexpectedDeletingTaskStateError,
)


class ImageGone(
    exception.ImageNotFound,  # type: ignore[misc]
    exception.BuildAbortException,  # type: ignore[misc]
):
    """Nobody finds the image; a copy on the host it left still serves."""


class TokenRefused(
    exception.ImageNotAuthorized,  # type: ignore[misc]
    exception.BuildAbortException,  # type: ignore[misc]
):
    """The request's token is not accepted, on whichever host."""


class ClusterAway(
    exception.StorageError,  # type: ignore[misc]
    exception.InvalidConfiguration,  # type: ignore[misc]
):
    """The cluster answered before, and does not now.

    Of a host's resources Nova logs this in one line, and other errors with a
    traceback. While nova-compute starts it would end it, and is not raised.
    """


@contextlib.contextmanager
def as_novas(name: str = '') -> Iterator[None]:
    """Raise Nova's errors in place of ours.

    :param name: of the volume or the image that the block is about
    """
    try:
        yield
    except exceptions.RBDMultistoreError as exc:
        raise _novas(exc, name) from exc


def unacceptable(image_id: str, exc: Exception) -> exception.ImageUnacceptable:
    """Return the error that has the image downloaded, where that is let."""
    # Nova shows 255 characters of a fault: not its own words before ours.
    return exception.ImageUnacceptable(image_id=image_id, message=str(exc))


def _novas(exc: exceptions.RBDMultistoreError, name: str) -> Any:
    for kind, make in _KINDS:
        if isinstance(exc, kind):
            return make(exc, name)
    return exception.StorageError(reason=str(exc))


def _image_gone(exc: Exception, name: str) -> Any:
    return ImageGone(image_id=name, message=str(exc))


def _token_refused(exc: Exception, name: str) -> Any:
    return TokenRefused(image_id=name, message=str(exc))


def _not_active(exc: Exception, name: str) -> Any:
    return exception.ImageNotActive(image_id=name, message=str(exc))


def _unacceptable(exc: Exception, name: str) -> Any:
    return unacceptable(name, exc)


def _glance_is_away(exc: Exception, name: str) -> Any:
    return exception.GlanceConnectionFailed(server='Glance', reason=str(exc))


def _too_small(exc: Exception, name: str) -> Any:
    assert isinstance(exc, exceptions.SizeTooSmall)  # noqa: S101
    return exception.FlavorDiskSmallerThanImage(
        flavor_size=exc.asked_bytes, image_size=exc.least_bytes
    )


def _forbidden(exc: Exception, name: str) -> Any:
    return exception.Forbidden(str(exc))


def _no_disk(exc: Exception, name: str) -> Any:
    return exception.DiskNotFound(location=name, message=str(exc))


def _misconfigured(exc: Exception, name: str) -> Any:
    return exception.InvalidConfiguration(str(exc))


# The first that fits counts.
_KINDS: tuple[
    tuple[
        type[exceptions.RBDMultistoreError], Callable[[Exception, str], Any]
    ],
    ...,
] = (
    (exceptions.ImageNotFound, _image_gone),
    (exceptions.ImageNotActive, _not_active),
    (exceptions.ImageError, _unacceptable),
    (exceptions.CopyError, _unacceptable),
    (exceptions.SizeTooSmall, _too_small),
    (exceptions.GlanceUnavailable, _glance_is_away),
    (exceptions.GlanceUnauthorized, _token_refused),
    (exceptions.GlanceError, _unacceptable),
    (exceptions.VolumeNotFound, _no_disk),
    (exceptions.CephForbidden, _forbidden),
    (exceptions.ConfigError, _misconfigured),
)
