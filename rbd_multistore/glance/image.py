# SPDX-License-Identifier: Apache-2.0
"""An image as Glance shows it, decoded once.

Source of the shapes: Glance's API reference (Images API v2), and what
Glance 33 was seen to answer.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rbd_multistore import exceptions

_COPIED = re.compile(r'Copied (\d+) MiB')


@dataclasses.dataclass(frozen=True)
class Location:
    """Where one copy of an image's data is.

    :ivar url: as Glance gives it, such as ``rbd://fsid/pool/image/snap``
    :ivar store: the store that Glance says it belongs to; empty if it
        says nothing
    """

    url: str
    store: str


@dataclasses.dataclass(frozen=True)
class Image:
    """An image.

    :ivar id: its UUID
    :ivar name: its name; empty if it has none
    :ivar status: ``queued``, ``saving``, ``active``, ``deactivated``, ...
    :ivar disk_format: ``raw``, ``qcow2``, ...; empty while queued
    :ivar size_bytes: bytes of its data, 0 while there is none
    :ivar virtual_size_bytes: bytes of the disk that it holds, 0 if unknown
    :ivar min_disk_gib: least size of a disk made from it, in GiB
    :ivar stores: the stores that hold it
    :ivar importing: the stores that a running or dead copy was asked for
    :ivar failed: the stores that the latest copy to them failed for
    :ivar lock: id of the task that holds the image's one import lock; empty
        if nobody does
    :ivar locations: where its data is, as far as the cloud shows them;
        ``None``: the image says nothing of them
    :ivar updated_at: when anything of it last changed, as Glance writes it
    """

    id: str
    name: str
    status: str
    disk_format: str
    size_bytes: int
    virtual_size_bytes: int
    min_disk_gib: int
    stores: frozenset[str]
    importing: frozenset[str]
    failed: frozenset[str]
    lock: str
    locations: tuple[Location, ...] | None
    updated_at: str = ''

    @property
    def least_bytes(self) -> int:
        """Least size, in bytes, of a volume that holds the whole image."""
        return max(
            self.virtual_size_bytes, self.size_bytes, self.min_disk_gib << 30
        )

    @property
    def held_by(self) -> frozenset[str]:
        """The stores that hold all of it: a store may be listed too early."""
        return self.stores - self.importing

    def check_active(self) -> None:
        """Refuse an image that cannot be used as it is now.

        :raises ImageNotActive: its status is not ``active``
        """
        if self.status != 'active':
            raise exceptions.ImageNotActive(
                f'Image {self.id} is {self.status}: only an active image can '
                'be used.',
                self.id,
            )


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of Glance's that works, or worked, on an image.

    :ivar id: while it works, the image's lock
    :ivar status: ``pending``, ``processing``, ``success``, ``failure``
    :ivar message: such as ``Copied 15 MiB``; empty at first
    :ivar updated_at: when it last said anything, with its time zone
    """

    id: str
    status: str
    message: str
    updated_at: datetime.datetime

    @property
    def lock_ends_at(self) -> datetime.datetime:
        """When Glance gives its lock to whoever asks for it.

        Source: ``glance.api.v2.images.ImagesController._enforce_import_lock``
        """
        hours = 2 if self.status == 'pending' else 1
        return self.updated_at + datetime.timedelta(hours=hours)

    @property
    def copied_bytes(self) -> int | None:
        """Bytes that its message tells of, or ``None``."""
        told = _COPIED.fullmatch(self.message)
        return int(told[1]) << 20 if told else None


def decode_task(document: Mapping[str, Any]) -> Task:
    """Decode a task of what ``GET /v2/images/{id}/tasks`` answers."""
    updated = datetime.datetime.fromisoformat(document['updated_at'])
    if updated.tzinfo is None:
        updated = updated.replace(tzinfo=datetime.UTC)
    return Task(
        id=document['id'],
        status=document['status'],
        message=document.get('message') or '',
        updated_at=updated,
    )


def decode_image(document: Mapping[str, Any]) -> Image:
    """Decode what ``GET /v2/images/{id}`` answers."""
    shown = document.get('locations')
    return Image(
        id=document['id'],
        name=document.get('name') or '',
        status=document['status'],
        disk_format=document.get('disk_format') or '',
        size_bytes=document.get('size') or 0,
        virtual_size_bytes=document.get('virtual_size') or 0,
        min_disk_gib=document.get('min_disk') or 0,
        stores=store_names(document.get('stores')),
        importing=store_names(document.get('os_glance_importing_to_stores')),
        failed=store_names(document.get('os_glance_failed_import')),
        lock=document.get('os_glance_import_task') or '',
        locations=None if shown is None else decode_locations(shown),
        updated_at=document.get('updated_at') or '',
    )


def decode_locations(
    documents: Iterable[Mapping[str, Any]],
) -> tuple[Location, ...]:
    """Decode what ``GET /v2/images/{id}/locations`` answers."""
    return tuple(
        Location(
            url=document['url'],
            store=(document.get('metadata') or {}).get('store') or '',
        )
        for document in documents
    )


def store_names(commas: str | None) -> frozenset[str]:
    """Split a list of stores as Glance writes it: ``'a,b'``, '' or None.

    Whole names come back, so that ``ceph1`` is never found in ``ceph10``.
    """
    names = (name.strip() for name in (commas or '').split(','))
    return frozenset(filter(None, names))


def not_found(image: str) -> exceptions.ImageNotFound:
    """Return the error that says that *image* is not to be seen."""
    return exceptions.ImageNotFound(
        f'Image {image} not found: there is none of that id or name, or '
        'these credentials may not see it.',
        image,
    )
