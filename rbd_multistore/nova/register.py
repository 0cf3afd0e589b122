# SPDX-License-Identifier: Apache-2.0
"""Puts our classes in the place of Nova's own, in this process.

Nova looks each of them up in its module when it needs one, so that no file
of Nova's is edited. ``NAMES`` is all that is put in place. A class of Nova's
that names itself (``super(Name, self)``) must not be among them: it would find
ours, which comes back to it for ever.
"""

from __future__ import annotations

from types import ModuleType

import nova.conf
from nova.image import glance
from nova.storage import rbd_utils
from nova.virt import libvirt
from nova.virt.libvirt import imagebackend as novas_imagebackend

from rbd_multistore import opts
from rbd_multistore.nova import (
    compute_driver,
    imagebackend,
    locations,
    rbd_driver,
    threads,
)

#: Where in Nova each of our classes is put.
NAMES: tuple[tuple[ModuleType, str, type], ...] = (
    (rbd_utils, 'RBDDriver', rbd_driver.RBDDriver),
    (novas_imagebackend, 'Rbd', imagebackend.Rbd),
    (libvirt, 'LibvirtDriver', compute_driver.LibvirtDriver),
    (glance, 'GlanceImageServiceV2', locations.ImageService),
)


def register() -> None:
    """Put our classes in place; to be called before Nova's ``main``.

    Calling it again changes nothing. Nova's other backends (qcow2, raw, lvm)
    go on as they are.
    """
    opts.register_opts(nova.conf.CONF)
    threads.make_room_for_green_threads()
    for module, name, ours in NAMES:
        setattr(module, name, ours)
