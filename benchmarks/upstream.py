# SPDX-License-Identifier: Apache-2.0
"""Nova's own ``imagebackend.Rbd``, in the process and as nova-compute 34
runs it: with native threads."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

from nova import monkey_patch

os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'
monkey_patch.patch(backend='threading')

from nova import conf as nova_conf  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova.image import glance  # noqa: E402
from nova.virt.libvirt import imagebackend  # noqa: E402

from benchmarks.contender import BUS, TARGET, Task  # noqa: E402
from tests.lab import ceph, keystone  # noqa: E402
from tests.lab.lab import Lab  # noqa: E402

VERSION = metadata.version('nova')


class Images(Protocol):
    """Nova's image API, as far as the clone of an image needs it."""

    def get(
        self, context: object, image_id: str, **kwargs: object
    ) -> dict[str, Any]:
        """Return an image as Nova sees it."""


class AnsweredImages:
    """Stands where Nova's image API does, once Glance has answered."""

    def __init__(self, image: Mapping[str, Any]):
        self._image = dict(image)

    def get(
        self, context: object, image_id: str, **kwargs: object
    ) -> dict[str, Any]:
        """Return the one image there is, with its locations."""
        return self._image


class LocatedImages(glance.API):
    """Nova's image API, with the locations that a default Glance hides.

    Without ``show_multiple_locations`` Nova finds none and clones nothing.
    With it, they would come in the same answer, so nothing is asked for here.
    """

    def __init__(self, sites: Collection[ceph.Cluster]):
        self._fsids = {site.name: site.fsid for site in sites}

    def get(
        self, context: object, image_id: str, **kwargs: object
    ) -> dict[str, Any]:
        """Return an image, located in each store that is a Ceph site."""
        found: dict[str, Any] = super().get(context, image_id, **kwargs)
        found['locations'] = [
            {
                'url': f'rbd://{self._fsids[store]}/images/{image_id}/snap',
                'metadata': {'store': store},
            }
            for store in found['stores'].split(',')
            if store in self._fsids
        ]
        return found


@dataclass(frozen=True)
class Nova:
    """What the libvirt driver does for the disk of one server.

    And no more than that: on its way there, its cache and ``create_image``
    also look whether the disk exists and how large it is, three times and
    once at least, each on a connection of its own.
    """

    name: str
    task: Task
    images: Images
    context: nova_context.RequestContext | None

    def look(self) -> None:
        """Look the image up."""
        self.images.get(self.context, self.task.image['id'])

    def make(self, volume: str) -> str:
        """Clone, grow, and let Nova write its XML."""
        # One in a process; the contenders take turns.
        imagebackend.IMAGE_API = self.images
        disk = imagebackend.Rbd(
            path=f'{self.task.place.pool}/{volume}',
            disk_info_mapping={'bus': BUS, 'dev': TARGET, 'type': 'disk'},
        )
        disk.clone(self.context, self.task.image['id'])
        disk.resize_image(self.task.size_bytes)
        xml: str = disk.libvirt_info('none', {}).to_xml()
        return xml


def without_glance(name: str, task: Task, site: ceph.Cluster) -> Nova:
    """Return what is left to do once Glance has answered."""
    _configure(task.place.pool, site)
    return Nova(name, task, AnsweredImages(task.image), context=None)


def with_glance(name: str, task: Task, lab: Lab, site: ceph.Cluster) -> Nova:
    """Return the whole of it: Glance is asked for each volume."""
    _configure(task.place.pool, site)
    images = LocatedImages(lab.clusters.values())
    return Nova(name, task, images, _context(lab))


def limit_copy(timeout_s: int) -> None:
    """Have Nova wait no longer than that for a copy, from now on."""
    nova_conf.CONF.set_override(
        'images_rbd_glance_copy_timeout', timeout_s, 'libvirt'
    )


def _configure(pool: str, site: ceph.Cluster) -> None:
    """Set in Nova's CONF, of which a process has one, what an operator sets
    for a site with Ceph."""
    nova_conf.CONF([], project='nova', default_config_files=[])
    for option, value in (
        ('images_type', 'rbd'),
        ('images_rbd_pool', pool),
        ('images_rbd_ceph_conf', str(site.client_conf('nova'))),
        ('images_rbd_glance_store_name', site.name),
        ('rbd_user', 'nova'),
        ('rbd_secret_uuid', site.state.secret_uuid),
    ):
        nova_conf.CONF.set_override(option, value, 'libvirt')


def _context(lab: Lab) -> nova_context.RequestContext:
    """Return an administrator's request, as Nova's API hands it down."""
    session = lab.keystone.session(keystone.ADMIN)
    interfaces = ('publicURL', 'internalURL', 'adminURL')
    endpoint = dict.fromkeys(interfaces, lab.glance.url)
    return nova_context.RequestContext(
        user_id=session.get_user_id(),
        project_id=session.get_project_id(),
        auth_token=session.get_token(),
        is_admin=True,
        service_catalog=[
            {
                'type': 'image',
                'name': 'glance',
                'endpoints': [{'region': keystone.REGION, **endpoint}],
            }
        ],
    )
