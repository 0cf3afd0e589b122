# SPDX-License-Identifier: Apache-2.0
"""Every error that this library raises on purpose.

::

    RBDMultistoreError
    +-- ConfigError             an option is missing or wrong
    +-- RequestError            what was asked for cannot be done as asked
    |   +-- SizeTooSmall
    |   +-- InvalidName
    +-- ImageError              the image cannot be used
    |   +-- ImageNotFound
    |   +-- ImageAmbiguous
    |   +-- ImageNotActive
    |   +-- ImageNotCloneable
    +-- CopyError               Glance did not bring the image to the store
    |   +-- StoreUnknown
    |   +-- CopyNotAllowed
    |   +-- CopyFailed
    |   +-- CopyTimeout
    |   |   +-- CopyStalled
    +-- Interrupted             the waiting was stopped, from outside
    +-- GlanceError             Glance or Keystone refused or is away
    |   +-- GlanceUnauthorized
    |   +-- GlanceForbidden
    |   +-- GlanceConflict
    |   +-- GlanceInvalid
    |   +-- GlanceOverQuota
    |   +-- GlanceUnavailable   (Retriable)
    +-- CephError               the cluster refused or is away
    |   +-- ClusterUnavailable  (Retriable)
    |   +-- CephForbidden
    |   +-- PoolNotFound
    |   +-- VolumeNotFound
    |   +-- VolumeExists
    |   +-- VolumeBusy
    |   +-- SnapshotNotFound
    +-- VirtError               libvirt refused or is away
        +-- LibvirtUnavailable  (Retriable)
        +-- LibvirtPoolNotFound
        +-- LibvirtPoolInvalid
        +-- SecretNotFound

There is one class for each decision that a caller may take; a message says
what happened, to what, and what to do next.
"""


class Retriable(Exception):
    """Mixin: the trouble passes; the same call may succeed later.

    Nothing that was asked for is half done, unless the message says so.
    """


class RBDMultistoreError(Exception):
    """The root of every error raised on purpose by this library."""


class ConfigError(RBDMultistoreError):
    """An option is missing, or has a value that cannot work."""


class RequestError(RBDMultistoreError):
    """What was asked for cannot be done as it was asked."""


class SizeTooSmall(RequestError):
    """The size asked for is below what the image or the volume holds.

    :ivar asked_bytes: the size asked for, in bytes
    :ivar least_bytes: the least size that would be accepted, in bytes
    """

    def __init__(self, message: str, asked_bytes: int, least_bytes: int):
        super().__init__(message)
        self.asked_bytes = asked_bytes
        self.least_bytes = least_bytes


class InvalidName(RequestError):
    """A volume's name that RBD cannot hold, or that means something else."""


class ImageError(RBDMultistoreError):
    """The image cannot be used for a volume.

    :ivar image_id: the image's id, or the name that was looked for
    """

    def __init__(self, message: str, image_id: str):
        super().__init__(message)
        self.image_id = image_id


class ImageNotFound(ImageError):
    """No such image, or the caller's token may not see it.

    Glance answers 404 for both, so that nobody learns which it is.
    """


class ImageAmbiguous(ImageError):
    """More than one image has the name that was given."""


class ImageNotActive(ImageError):
    """The image's status is not ``active``."""


class ImageNotCloneable(ImageError):
    """No location of the image can be cloned at this site.

    :ivar reasons: a sentence for each location that was looked at
    """

    def __init__(
        self, message: str, image_id: str, reasons: tuple[str, ...] = ()
    ):
        super().__init__(message, image_id)
        self.reasons = reasons


class CopyError(RBDMultistoreError):
    """Glance did not bring the image to the store.

    :ivar image_id: the image's id
    :ivar store: the Glance store that the image was to be copied to
    """

    def __init__(self, message: str, image_id: str, store: str):
        super().__init__(message)
        self.image_id = image_id
        self.store = store


class StoreUnknown(CopyError):
    """Glance has no store of that name."""


class CopyNotAllowed(CopyError):
    """Neither the caller nor the service credentials may copy the image."""


class CopyFailed(CopyError):
    """The copy was accepted, and failed or died."""


class CopyTimeout(CopyError):
    """The copy did not end within ``copy_timeout``.

    Glance may still finish it: a later call finds the image in its store.
    """


class CopyStalled(CopyTimeout):
    """Nothing at all was seen to change for ``copy_stall_timeout``."""


class Interrupted(RBDMultistoreError):
    """This process was told to stop waiting; Glance goes on with the copy."""


class GlanceError(RBDMultistoreError):
    """Glance, or Keystone on the way to it, refused or is away."""


class GlanceUnauthorized(GlanceError):
    """Keystone or Glance did not accept the credentials (401)."""


class GlanceForbidden(GlanceError):
    """A policy of Glance's refuses the call to these credentials (403)."""


class GlanceConflict(GlanceError):
    """The image is locked, not active, or the store is unknown (409)."""


class GlanceInvalid(GlanceError):
    """Glance does not accept the request (400 and its like)."""


class GlanceOverQuota(GlanceError):
    """The project's image quota is used up (413)."""


class GlanceUnavailable(GlanceError, Retriable):
    """Glance or Keystone does not answer, or answers with a passing error.

    :ivar retry_after_s: seconds that the service asks to be left alone; 0
        if it does not say
    """

    def __init__(self, message: str, retry_after_s: float = 0.0):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CephError(RBDMultistoreError):
    """The cluster refused, or is away."""


class ClusterUnavailable(CephError, Retriable):
    """The cluster does not answer, or has dropped this client."""


class CephForbidden(CephError):
    """The cephx user lacks a capability."""


class PoolNotFound(CephError):
    """No Ceph pool of that name."""


class VolumeNotFound(CephError):
    """No RBD image of that name in the pool."""


class VolumeExists(CephError):
    """An RBD image of that name is in the pool already."""


class VolumeBusy(CephError):
    """The RBD image is open elsewhere, or has snapshots or children."""


class SnapshotNotFound(CephError):
    """The RBD image or its snapshot, named by a location, is not there."""


class VirtError(RBDMultistoreError):
    """libvirt refused, or is away."""


class LibvirtUnavailable(VirtError, Retriable):
    """No connection to libvirt, or it broke."""


class LibvirtPoolNotFound(VirtError):
    """libvirt has no storage pool of that name."""


class LibvirtPoolInvalid(VirtError):
    """The storage pool is not one that a volume can be made in."""


class SecretNotFound(VirtError):
    """libvirt has no such secret, or the secret has no value."""
