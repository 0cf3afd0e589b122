# SPDX-License-Identifier: Apache-2.0
"""The lab as the bench uses it: one image, and volumes that are swept away.

Everything that is made here is removed again, and what a killed run has left
is removed by the next one.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rados
import rbd
from keystoneauth1 import adapter

from benchmarks.contender import Contender, Place, Task
from benchmarks.measure import PREFIX, volume_name
from tests.lab import keystone, virt
from tests.lab.lab import Lab

SITE = 'site_a'
IMAGE_NAME = 'rbd-multistore-bench'
SWEEPERS = 4


@dataclass(frozen=True)
class Sweeper:
    """Looks at what was made in some pools, and removes it."""

    pools: Mapping[Place, rados.Ioctx]

    def sweep(self) -> None:
        """Remove every volume that bears the bench's prefix."""
        with ThreadPoolExecutor(SWEEPERS) as threads:
            for place, pool in self.pools.items():
                mine = [n for n in self._names(place) if n.startswith(PREFIX)]
                remove = functools.partial(rbd.RBD().remove, pool)
                list(threads.map(remove, mine))

    def others(self, place: Place) -> int:
        """Return how many volumes are there that the bench did not make."""
        return sum(not name.startswith(PREFIX) for name in self._names(place))

    def check(self, contender: Contender) -> None:
        """See that *contender* does what the others do.

        :raises AssertionError: it made another volume, or other XML
        """
        volume = volume_name()
        self.check_made(contender, volume, contender.make(volume))

    def check_made(self, contender: Contender, volume: str, xml: str) -> None:
        """See that *volume* is what the contender's task says.

        :raises AssertionError: it is not, or the XML is of another
        """
        task = contender.task
        assert f'"{task.place.pool}/{volume}"' in xml, xml
        with rbd.Image(self.pools[task.place], volume, read_only=True) as made:
            assert made.size() == task.size_bytes, made.size()
            parent = made.get_parent_image_spec()
        kinds = ('pool_name', 'image_name', 'snap_name')
        assert tuple(parent[kind] for kind in kinds) == task.parent, parent

    def _names(self, place: Place) -> list[str]:
        names: list[str] = rbd.RBD().list(self.pools[place])
        return names


@contextlib.contextmanager
def sweeper(lab: Lab, *places: Place) -> Iterator[Sweeper]:
    """Sweep now, and once more at the end."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(lab.clusters[SITE].connect('nova'))
        made = Sweeper(
            {
                place: stack.enter_context(connection.open_ioctx(place.pool))
                for place in places
            }
        )
        made.sweep()
        stack.callback(made.sweep)
        yield made


@contextlib.contextmanager
def image(lab: Lab, data: Path, store: str) -> Iterator[dict[str, Any]]:
    """Put an image into a store; give its document.

    Its locations, which a default Glance does not show in it, are added.
    """
    glance = glance_as_admin(lab)
    remove_images(glance)
    asked = {
        'name': IMAGE_NAME,
        'disk_format': 'raw',
        'container_format': 'bare',
    }
    made = glance.post('/v2/images', json=asked).json()['id']
    try:
        with data.open('rb') as stream:
            glance.put(
                f'/v2/images/{made}/file',
                data=stream,
                headers={
                    'Content-Type': 'application/octet-stream',
                    'X-Image-Meta-Store': store,
                },
            )
        yield document(glance, made)
    finally:
        remove_images(glance)


def document(glance: adapter.Adapter, image_id: str) -> dict[str, Any]:
    """Return an image's document with its locations."""
    found: dict[str, Any] = glance.get(f'/v2/images/{image_id}').json()
    shown = glance.get(f'/v2/images/{image_id}/locations').json()
    return {**found, 'locations': shown}


def glance_as_admin(lab: Lab) -> adapter.Adapter:
    """Return the way to the lab's Glance as its administrator."""
    return adapter.Adapter(
        lab.keystone.session(keystone.ADMIN), endpoint_override=lab.glance.url
    )


def remove_images(glance: adapter.Adapter) -> None:
    """Remove every image that bears the bench's name."""
    found = glance.get('/v2/images', params={'name': IMAGE_NAME}).json()
    for one in found['images']:
        glance.delete(f'/v2/images/{one["id"]}')


def task(image: dict[str, Any], place: Place, size_bytes: int) -> Task:
    """Return what is to be done with *image*, in *place*."""
    parent = ('images', image['id'], 'snap')
    return Task(image, parent, size_bytes, place)


def place() -> Place:
    """Return the pool that the lab makes for the instances' disks."""
    return Place('vms', virt.pool_name(SITE))
