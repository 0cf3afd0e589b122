# SPDX-License-Identifier: Apache-2.0
"""rbd-multistore, put together from a configuration file as ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from oslo_config import cfg

from benchmarks.contender import BUS, TARGET, Task
from rbd_multistore import opts
from rbd_multistore.glance.image import Image, Location, decode_image
from rbd_multistore.glance.service import ImageService
from rbd_multistore.site import Site

#: The credentials are those of the configuration file alone.
NO_ENVIRONMENT: Mapping[str, str] = {}


class AnsweredImages:
    """Stands where the images do, once Glance has answered."""

    def __init__(self, image: Image):
        self._image = image

    def find(self, name_or_id: str) -> Image:
        """Return the one image there is."""
        return self._image

    def locations(self, image: Image) -> Collection[Location]:
        """Return what Glance has said."""
        return image.locations or ()


@dataclass(frozen=True)
class Ours:
    """A site, kept as a service would keep it."""

    name: str
    task: Task
    site: Site

    def look(self) -> None:
        """Look the image up."""
        self.site.images.image(self.task.image['id'])

    def make(self, volume: str) -> str:
        """Do the main job, and ask for the guest's disk."""
        image = self.task.image['id']
        self.site.backend.create_from_image(
            volume, image, self.task.size_bytes
        )
        return self.site.disk_xml(volume, TARGET, BUS)


def site(conf_file: Path, task: Task) -> Site:
    """Return the site that *conf_file* describes, in the task's pool."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf([], default_config_files=[str(conf_file)])
    libvirt_pool = task.place.libvirt_pool
    conf.set_override('libvirt_pool', libvirt_pool, opts.GROUP)
    return Site(conf, NO_ENVIRONMENT)


def with_glance(name: str, task: Task, conf_file: Path) -> Ours:
    """Return the whole of it: Glance is asked for each volume."""
    return Ours(name, task, site(conf_file, task))


def without_glance(name: str, task: Task, conf_file: Path) -> Ours:
    """Return what is left to do once Glance has answered."""
    made = site(conf_file, task)
    answered = AnsweredImages(decode_image(task.image))
    made.images = cast(ImageService, answered)
    return Ours(name, task, made)
