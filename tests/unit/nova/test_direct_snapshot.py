# SPDX-License-Identifier: Apache-2.0
"""Telling Glance of a snapshot, and waiting for what it says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rbd_multistore import exceptions
from rbd_multistore.glance.image import Image, decode_image
from rbd_multistore.nova import direct_snapshot

URL = 'rbd://fsid/images/one/snap'


@dataclasses.dataclass
class Images:
    """A Glance whose image has one status after another."""

    statuses: list[str]
    lock: str = ''
    added: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def image(self, image_id: str) -> Image:
        status = self.statuses[0]
        if len(self.statuses) > 1:
            self.statuses.pop(0)
        return decode_image(
            {
                'id': image_id,
                'status': status,
                'os_glance_import_task': self.lock,
            }
        )

    def add_location(self, image: Image, url: str) -> None:
        self.added.append((image.id, url))


def register(images: Any) -> list[float]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    direct_snapshot.register(
        images, 'one', URL, now_s=lambda: now[0], sleep=sleep
    )
    return now


def test_active_at_once() -> None:
    images = Images(['queued', 'active'])
    assert register(images) == [0.0]
    assert images.added == [('one', URL)]


def test_active_a_little_later() -> None:
    images = Images(['queued', 'queued', 'queued', 'active'], lock='task')
    assert register(images) == [1.0]


@pytest.mark.parametrize('lock', ['', 'task'])
def test_never_active(lock: str) -> None:
    """Glance gave it up, or takes too long."""
    with pytest.raises(exceptions.ImageNotActive):
        register(Images(['queued'], lock=lock))
