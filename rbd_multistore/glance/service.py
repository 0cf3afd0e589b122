# SPDX-License-Identifier: Apache-2.0
"""Images, with the credentials that each call is allowed to use.

The caller's credentials decide which image may be used. Service credentials
then do two things for that image which Glance, by default, keeps from an
ordinary user: they read its locations, and have it copied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from oslo_log import log as logging
from oslo_utils import uuidutils

from rbd_multistore import exceptions
from rbd_multistore.glance.image import Image, Location, Task, not_found

if TYPE_CHECKING:
    # python-glanceclient takes a quarter of a second to import, which
    # nobody pays who is not handed a client.
    from rbd_multistore.glance.client import (
        GlanceClient,
        Identity,
        Store,
        StoreDetail,
    )

LOG = logging.getLogger(__name__)

_T = TypeVar('_T')


class ImageService:
    """The images of a cloud, as one caller may use them."""

    def __init__(
        self,
        caller: GlanceClient,
        service: GlanceClient | None = None,
        caller_with_service: GlanceClient | None = None,
    ):
        """Use *caller* to look, the others for what the caller may not do.

        :param service: with the service credentials alone
        :param caller_with_service: with the caller's token and a service
            token beside it, for a cloud whose policies ask for that
        """
        self._caller = caller
        self._service = service
        self._to_read = _present(service, caller_with_service, caller)
        self._to_copy = _present(caller, caller_with_service, service)
        self._to_register = _present(caller_with_service, service, caller)

    @property
    def has_service_credentials(self) -> bool:
        """Tell whether there is more to try than the caller's own."""
        return len(self._to_copy) > 1

    def find(self, name_or_id: str) -> Image:
        """Return the one image of that id or name that the caller may see.

        :raises ImageNotFound: there is none
        :raises ImageAmbiguous: several have that name
        """
        if uuidutils.is_uuid_like(name_or_id):
            return self.image(name_or_id)
        found = self._caller.images_named(name_or_id)
        if not found:
            raise not_found(name_or_id)
        if len(found) > 1:
            ids = ', '.join(sorted(image.id for image in found))
            raise exceptions.ImageAmbiguous(
                f'{len(found)} images are named {name_or_id}: give one of '
                f'the ids {ids}.',
                name_or_id,
            )
        return found[0]

    def image(self, image_id: str) -> Image:
        """Return the image of that id, if the caller may see it.

        :raises ImageNotFound: it may not, or there is none
        """
        return self._caller.image(image_id)

    def image_again(self, image: Image) -> Image:
        """Return *image* as it is now.

        Where the caller's token has expired for good, as a token does that
        came with a request, the service credentials look in its place: that
        the caller may see the image was found out when it was still valid.

        :raises ImageNotFound: it was deleted, or withdrawn from the caller
        """
        try:
            return self._caller.image(image.id)
        except exceptions.GlanceUnauthorized:
            if self._service is None:
                raise
            return self._service.image(image.id)

    def stores(self) -> tuple[Store, ...]:
        """Return the stores that Glance has."""
        return self._caller.stores()

    def locations(self, image: Image) -> tuple[Location, ...]:
        """Return where the data of *image* is.

        :param image: as :meth:`image` or :meth:`find` gave it, which proves
            that the caller may see it
        :raises GlanceForbidden: the cloud shows them to none of the
            credentials
        """
        if image.locations is not None:
            return image.locations
        try:
            return self._first_allowed(
                lambda glance: glance.locations(image.id), self._to_read
            )
        except exceptions.GlanceForbidden as exc:
            raise exceptions.GlanceForbidden(
                f'{exc} Set auth_type and a service user with the role '
                'service in [rbd_multistore], or allow it by the policy '
                'fetch_image_location.'
            ) from exc

    def all(self) -> Iterator[Image]:
        """Return the images that the caller may see."""
        return self._caller.all()

    def identities(self) -> tuple[Identity, ...]:
        """Return who the caller is and, if another, who the service is.

        :raises GlanceError: Keystone does not accept the credentials
        """
        clients = dict.fromkeys(_present(self._caller, self._service))
        return tuple(client.identity() for client in clients)

    def store_detail(self, store: str) -> StoreDetail | None:
        """Return what a store is; ``None``: Glance does not tell."""
        try:
            return self._first_allowed(
                lambda glance: glance.store_detail(store), self._to_read
            )
        except exceptions.GlanceError as exc:
            LOG.info('What store %s is, is not known: %s', store, exc)
            return None

    def lock_task(self, image: Image) -> Task | None:
        """Return the task that holds the lock of *image*.

        ``None``: nobody holds it, or Glance does not tell who.
        """
        if not image.lock:
            return None
        try:
            tasks = self._first_allowed(
                lambda glance: glance.tasks(image.id), self._to_read
            )
        except (exceptions.GlanceError, exceptions.ImageNotFound) as exc:
            LOG.info('The lock of image %s is not known: %s', image.id, exc)
            return None
        return next((task for task in tasks if task.id == image.lock), None)

    def copy_image(self, image: Image, stores: Collection[str]) -> None:
        """Ask Glance to copy *image* to *stores*; it is done later.

        :param image: as :meth:`image` or :meth:`find` gave it
        :raises GlanceForbidden: none of the credentials may
        :raises GlanceError: as :meth:`GlanceClient.copy_image`
        """
        self._first_allowed(
            lambda glance: glance.copy_image(image.id, stores), self._to_copy
        )

    def add_location(self, image: Image, url: str) -> None:
        """Tell Glance that the data of *image* is at *url*.

        :param image: as :meth:`image` gave it; it is ``queued``
        :raises GlanceForbidden: none of the credentials may
        :raises GlanceError: as :meth:`GlanceClient.add_location`
        """
        self._first_allowed(
            lambda glance: glance.add_location(image.id, url),
            self._to_register,
        )

    def _first_allowed(
        self,
        call: Callable[[GlanceClient], _T],
        clients: Sequence[GlanceClient],
    ) -> _T:
        refusals: list[exceptions.RBDMultistoreError] = []
        for client in clients:
            try:
                return call(client)
            except exceptions.GlanceForbidden as exc:
                refusals.insert(0, exc)
            except exceptions.ImageNotFound as exc:
                # The caller's view is what counts. A service user without
                # the role admin does not see the private images of others.
                if client is self._caller:
                    raise
                refusals.append(exc)
        raise refusals[0]


def _present(*clients: GlanceClient | None) -> tuple[GlanceClient, ...]:
    return tuple(client for client in clients if client is not None)
