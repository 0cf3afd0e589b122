# SPDX-License-Identifier: Apache-2.0
"""The main job itself, on an image that is here, with a volume that goes."""

from __future__ import annotations

from collections.abc import Iterator

from rbd_multistore.checks.cluster import throw_away_name
from rbd_multistore.checks.parts import Parts
from rbd_multistore.checks.result import Check, Found, warning
from rbd_multistore.glance.image import Image


class DeepCheck:
    """Clones an image of this site's store, and removes the clone."""

    def __init__(self, parts: Parts):
        """Check *parts*."""
        self._parts = parts

    def group(self) -> Iterator[Check]:
        """Return the check."""
        yield Check(
            'clone',
            'The message says what to change; rbd-multistore image show '
            'tells of each location of an image.',
            self._clone,
        )

    def _clone(self) -> Found:
        here = [im for im in self._parts.images.all() if self._is_here(im)]
        image = next(filter(self._is_cloneable, here), next(iter(here), None))
        if image is None:
            return warning(
                'cannot be tried: no active raw image is in the store',
                'Bring one there: rbd-multistore image copy IMAGE.',
            )
        name = throw_away_name()
        made = self._parts.backend.create_from_image(name, image.id)
        self._parts.volumes.remove(name)
        return Found(f'{made.volume.parent} in {made.seconds * 1000:.0f} ms')

    def _is_cloneable(self, image: Image) -> bool:
        verdicts = self._parts.backend.verdicts(image)
        return any(verdict.cloneable for verdict in verdicts)

    def _is_here(self, image: Image) -> bool:
        return (
            image.status == 'active'
            and image.disk_format == 'raw'
            and self._parts.store in image.stores
        )
