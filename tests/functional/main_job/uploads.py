# SPDX-License-Identifier: Apache-2.0
"""Images for one test each, of which no two have the same data."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_utils import units

from tests.lab import image
from tests.lab import images as lab_images
from tests.lab.glance import CENTRAL

SIZE_BYTES = 8 * units.Mi

_seeds = itertools.count(1)


@dataclass(frozen=True)
class Uploaded:
    """An image as it was uploaded."""

    id: str
    name: str
    data: bytes

    @property
    def parent(self) -> str:
        """What a clone of it calls its parent."""
        return f'images/{self.id}@snap'


@dataclass(frozen=True)
class Uploads:
    """Uploads images, private ones of ``demo`` unless told otherwise.

    :ivar images: removes them in the end
    :ivar demo: a client of the user ``demo``
    """

    images: lab_images.Images
    demo: Any
    directory: Path

    def __call__(
        self,
        *stores: str,
        path: Path | None = None,
        by: Any = None,
        **properties: Any,
    ) -> Uploaded:
        """Upload *path*, or something new, to *stores*, or ``central``."""
        path = path or self._new()
        record = self.images.upload(
            by or self.demo,
            path,
            to=stores or (CENTRAL,),
            **self._with_defaults(properties),
        )
        return Uploaded(record['id'], record['name'], path.read_bytes())

    def queued(self, **properties: Any) -> Uploaded:
        """Make an image that has no data yet."""
        record = self.images.create(
            self.demo, **self._with_defaults(properties)
        )
        return Uploaded(record['id'], record['name'], b'')

    def record(self, image: Uploaded) -> Any:
        """Return the image as the administrator sees it."""
        return self.images.admin.images.get(image.id)

    def stores(self, image: Uploaded) -> set[str]:
        return lab_images.stores(self.record(image))

    def _with_defaults(self, properties: dict[str, Any]) -> dict[str, Any]:
        name = f'test-{uuid.uuid4()}'
        return {'name': name, 'visibility': 'private', **properties}

    def _new(self) -> Path:
        seed = next(_seeds)
        path = self.directory / f'{seed}.raw'
        image.make(path, SIZE_BYTES, seed)
        return path
