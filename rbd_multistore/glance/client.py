# SPDX-License-Identifier: Apache-2.0
"""Glance as one set of credentials sees it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterator
from typing import Any

from glanceclient import exc as glance_exc
from glanceclient.v2 import client as glance_v2
from keystoneauth1 import adapter

from rbd_multistore.glance import errors
from rbd_multistore.glance.image import (
    Image,
    Location,
    Task,
    decode_image,
    decode_locations,
    decode_task,
)


@dataclasses.dataclass(frozen=True)
class Store:
    """A store of Glance's, as ``/v2/info/stores`` shows it."""

    id: str
    default: bool
    read_only: bool


@dataclasses.dataclass(frozen=True)
class StoreDetail:
    """A store, as ``/v2/info/stores/detail`` shows it.

    :ivar type: ``rbd``, ``file``, ...
    :ivar pool: the Ceph pool of an RBD store; ``None``: not told
    :ivar fsid: the cluster of an RBD store; ``None``: not told
    """

    id: str
    type: str
    pool: str | None
    fsid: str | None


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who some credentials are of, from the token that Keystone gave.

    :ivar issued_at: Keystone's time when it gave the token; ``None``: the
        credentials are none of Keystone's
    """

    user: str
    project: str
    roles: frozenset[str]
    issued_at: datetime.datetime | None


class GlanceClient:
    """The calls that are made to Glance, with decoded answers.

    Safe for threads: it keeps no state but the session's.
    """

    def __init__(self, endpoint: adapter.Adapter):
        """Speak to Glance through *endpoint*, which knows the session."""
        self._endpoint = endpoint
        self._client: Any = glance_v2.Client(
            session=endpoint.session,
            auth=endpoint.auth,
            service_type=endpoint.service_type,
            service_name=endpoint.service_name,
            interface=endpoint.interface,
            region_name=endpoint.region_name,
            endpoint_override=endpoint.endpoint_override,
            connect_retries=endpoint.connect_retries,
            status_code_retries=endpoint.status_code_retries,
        )

    def image(self, image_id: str) -> Image:
        """Return the image of that id.

        :raises ImageNotFound: no such image, or not for these credentials
        :raises GlanceError: anything else
        """
        with errors.translated('show the image', image_id):
            return decode_image(self._client.images.get(image_id))

    def images_named(self, name: str) -> tuple[Image, ...]:
        """Return the images of that very name that may be seen."""
        with errors.translated('list images', name):
            found = self._client.images.list(filters={'name': name})
            return tuple(decode_image(document) for document in found)

    def all(self) -> Iterator[Image]:
        """Return the images that may be seen, a page at a time."""
        with errors.translated('list images'):
            for document in self._client.images.list():
                yield decode_image(document)

    def locations(self, image_id: str) -> tuple[Location, ...]:
        """Return an image's locations, from the Locations API.

        :raises GlanceForbidden: without the role ``service`` (or
            ``admin``), or what the cloud's policy ``fetch_image_location``
            asks for in their place
        """
        with errors.translated('show the image locations', image_id):
            found = self._get(
                image_id, 'locations', self._client.images.get_image_locations
            )
            return decode_locations(found)

    def stores(self) -> tuple[Store, ...]:
        """Return the stores that Glance has."""
        with errors.translated('list the stores'):
            found = self._client.images.get_stores_info()
            return tuple(
                Store(
                    id=store['id'],
                    default=str(store.get('default')).lower() == 'true',
                    read_only=str(store.get('read-only')).lower() == 'true',
                )
                for store in found.get('stores', ())
            )

    def store_detail(self, store: str) -> StoreDetail | None:
        """Return what a store is; ``None``: Glance does not tell.

        :raises GlanceForbidden: without the role ``service`` or ``admin``
        """
        with errors.translated('show the stores'):
            found = self._client.images.get_stores_info_detail()
        for detail in found.get('stores', ()):
            if detail['id'] == store:
                properties = detail.get('properties') or {}
                return StoreDetail(
                    id=store,
                    type=detail.get('type') or '',
                    pool=properties.get('pool'),
                    fsid=properties.get('fsid'),
                )
        return None

    def identity(self) -> Identity:
        """Return who these credentials are of.

        :raises GlanceUnauthorized: Keystone does not accept them
        """
        with errors.translated('get a token'):
            auth, session = self._endpoint.auth, self._endpoint.session
            access = getattr(auth, 'get_access', lambda _session: None)
            found = access(session)
        if found is None:
            return Identity('somebody', '', frozenset(), None)
        return Identity(
            user=found.username or '',
            project=found.project_name or '',
            roles=frozenset(found.role_names or ()),
            issued_at=found.issued,
        )

    def tasks(self, image_id: str) -> tuple[Task, ...]:
        """Return the tasks that worked on an image, as far as known."""
        with errors.translated('show the tasks of the image', image_id):
            found = self._get(
                image_id,
                'tasks',
                self._client.images.get_associated_image_tasks,
            )
            return tuple(decode_task(task) for task in found['tasks'])

    def _get(self, image_id: str, what: str, ask: Callable[[str], Any]) -> Any:
        """Return what Glance answers to ``/v2/images/{id}/{what}``.

        glanceclient's own methods for these two, *ask*, look at Glance's
        versions first, each time: a round trip more to a Glance that may be
        far. So they are used only to find out what a 404 means, an image
        that is gone or a Glance without such a path.
        """
        try:
            path = f'/v2/images/{image_id}/{what}'
            return self._client.http_client.get(path)[1]
        except glance_exc.HTTPNotFound:
            return ask(image_id)

    def add_location(self, image_id: str, url: str) -> None:
        """Tell Glance that a queued image's data is at *url*.

        Glance does the rest later: it finds the store by the URL, makes the
        image active, and then reads all of it for its hash.

        :raises GlanceForbidden: without the role ``service``
        :raises GlanceConflict: the image is not ``queued``
        :raises ImageNotFound: no such image, or a Glance before 30
        """
        with errors.translated('add a location to the image', image_id):
            self._client.http_client.post(
                f'/v2/images/{image_id}/locations',
                data={'url': url, 'validation_data': {}},
            )

    def copy_image(self, image_id: str, stores: Collection[str]) -> None:
        """Ask for the image to be copied to *stores*; Glance does it later.

        :raises GlanceForbidden: the policy ``copy_image``
        :raises GlanceConflict: the image is locked, or not active
        :raises GlanceInvalid: it is in one of the stores already
        :raises GlanceOverQuota: no room left in the image's project
        """
        with errors.translated('copy the image', image_id):
            self._client.images.image_import(
                image_id,
                method='copy-image',
                stores=sorted(stores),
                # Otherwise a copy that failed leaves a task that says
                # "success" (seen on Glance 33). With several stores, a
                # failure at one would undo the copy at the others.
                allow_failure=len(stores) > 1,
            )
