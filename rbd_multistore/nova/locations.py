# SPDX-License-Identifier: Apache-2.0
"""Registers a direct snapshot with Glance.

Nova 34 adds a location with the user's token alone, unless
``send_service_user_token`` is set, and Glance 33 takes one in RBD from the
role ``service`` alone. Where Glance refuses, Nova gives the whole snapshot
up; here it goes on with an ordinary one.
"""

from __future__ import annotations

from typing import Any

from nova import exception
from nova.image.glance import GlanceImageServiceV2 as NovasService

from rbd_multistore import exceptions
from rbd_multistore.ceph.snapshot import parse_url
from rbd_multistore.nova import direct_snapshot, process


class ImageService(NovasService):  # type: ignore[misc]
    """Nova's, but for the locations of our snapshots."""

    def _add_location(self, context: Any, image_id: str, location: str) -> Any:
        """Add a location.

        :raises Forbidden: Glance does not take one that is in RBD
        """
        if parse_url(location) is None:
            return super()._add_location(context, image_id, location)
        try:
            images = process.kept().images_for(context)
            direct_snapshot.register(images, image_id, location)
        except exceptions.RBDMultistoreError as exc:
            raise exception.Forbidden(str(exc)) from exc
        return None
