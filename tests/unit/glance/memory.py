# SPDX-License-Identifier: Apache-2.0
"""A Glance in memory, for the parts that stand on ``GlanceClient``."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator
from typing import Any

from rbd_multistore import exceptions
from rbd_multistore.glance.client import Identity, Store, StoreDetail
from rbd_multistore.glance.image import (
    Image,
    Location,
    decode_image,
    not_found,
)
from tests.unit.recorded import body

FSID = '24b8c50a-2daa-4082-955d-6952a07acb72'


@dataclasses.dataclass
class Cloud:
    """What Glance knows.

    :ivar images: by id
    :ivar locations: of each image, by its id
    :ivar details: what it tells of stores
    :ivar issued_at: when Keystone gave the tokens
    :ivar refusal: Keystone's, of the credentials
    :ivar asked: the copies that were asked for: who, image, stores
    """

    images: dict[str, Image] = dataclasses.field(default_factory=dict)
    locations: dict[str, tuple[Location, ...]] = dataclasses.field(
        default_factory=dict
    )
    stores: tuple[str, ...] = ('central', 'site_a', 'site_b')
    details: dict[str, StoreDetail] = dataclasses.field(
        default_factory=lambda: {
            'central': StoreDetail('central', 'file', None, None),
            'site_a': StoreDetail('site_a', 'rbd', 'images', FSID),
        }
    )
    issued_at: datetime.datetime | None = None
    refusal: exceptions.GlanceError | None = None
    asked: list[tuple[str, str, frozenset[str]]] = dataclasses.field(
        default_factory=list
    )

    def add(self, *stores: str, **changes: Any) -> Image:
        """Put an active raw image of 64 MiB into *stores*."""
        recorded = decode_image(body('glance-33/image-active-central'))
        image = dataclasses.replace(
            recorded,
            **{
                'size_bytes': 64 << 20,
                'virtual_size_bytes': 64 << 20,
                'min_disk_gib': 0,
                'stores': frozenset(stores),
                **changes,
            },
        )
        self.images[image.id] = image
        self.locations[image.id] = tuple(
            location(image.id, store) for store in stores
        )
        return image

    def bring(self, image_id: str, store: str) -> Image:
        """Let a copy to *store* be done."""
        image = self.images[image_id]
        self.locations[image_id] += (location(image_id, store),)
        self.images[image_id] = dataclasses.replace(
            image, stores=image.stores | {store}
        )
        return self.images[image_id]


def location(image_id: str, store: str, fsid: str = FSID) -> Location:
    """Return a location as Glance writes it, of our cluster if in RBD."""
    if store == 'central':
        return Location(f'file:///var/lib/glance/images/{image_id}', store)
    return Location(f'rbd://{fsid}/images/{image_id}/snap', store)


class Client:
    """What one set of credentials sees and may do, as ``GlanceClient``."""

    def __init__(
        self,
        cloud: Cloud,
        who: str = 'caller',
        sees: Collection[str] | None = None,
        may_read: bool = False,
        may_copy: bool = False,
    ):
        """Look at *cloud*.

        :param sees: the images that it may see; ``None``: all
        :param may_read: whether it may read locations
        :param may_copy: whether it may have images copied
        """
        self._cloud = cloud
        self._who = who
        self._sees = sees
        self._may_read = may_read
        self._may_copy = may_copy

    def image(self, image_id: str) -> Image:
        hidden = self._sees is not None and image_id not in self._sees
        if hidden or image_id not in self._cloud.images:
            raise not_found(image_id)
        return self._cloud.images[image_id]

    def images_named(self, name: str) -> tuple[Image, ...]:
        return tuple(
            image
            for image in self._cloud.images.values()
            if image.name == name
            and (self._sees is None or image.id in self._sees)
        )

    def locations(self, image_id: str) -> tuple[Location, ...]:
        self._allowed(self._may_read, image_id)
        return self._cloud.locations[image_id]

    def stores(self) -> tuple[Store, ...]:
        return tuple(
            Store(store, default=store == 'central', read_only=False)
            for store in self._cloud.stores
        )

    def all(self) -> Iterator[Image]:
        return (
            image
            for image in self._cloud.images.values()
            if self._sees is None or image.id in self._sees
        )

    def store_detail(self, store: str) -> StoreDetail | None:
        if not self._may_read:
            raise exceptions.GlanceForbidden(f'{self._who} may not')
        return self._cloud.details.get(store)

    def identity(self) -> Identity:
        if self._cloud.refusal is not None:
            raise self._cloud.refusal
        roles = {'service'} if self._may_read else {'member'}
        return Identity(
            self._who, 'a project', frozenset(roles), self._cloud.issued_at
        )

    def copy_image(self, image_id: str, stores: Collection[str]) -> None:
        self._allowed(self._may_copy, image_id)
        if not set(stores) <= set(self._cloud.stores):
            raise exceptions.GlanceConflict('Store for identifier not found')
        self._cloud.asked.append((self._who, image_id, frozenset(stores)))

    def _allowed(self, allowed: bool, image_id: str) -> None:
        self.image(image_id)
        if not allowed:
            raise exceptions.GlanceForbidden(f'{self._who} may not')
