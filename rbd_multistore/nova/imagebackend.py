# SPDX-License-Identifier: Apache-2.0
"""Stands in for ``nova.virt.libvirt.imagebackend.Rbd``.

What Nova's own class does by ``RBDDriver`` alone it still does, with ours:
the guest's XML, sizes, snapshots, flattening. How a volume comes to be from
an image is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nova.conf
import tenacity
from nova import exception, utils
from nova.virt.libvirt.imagebackend import Rbd as NovasRbd
from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.nova import direct_snapshot, errors, process
from rbd_multistore.nova.progress import Shown
from rbd_multistore.nova.rbd_driver import RBDDriver

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

# As between the tries of nova.image.glance.
_RETRY_PAUSE_S = 1.0

# Glance may be restarted; other hosts would find it away, too.
_AWAY_S = 30.0


class Rbd(NovasRbd):  # type: ignore[misc]
    """One disk of an instance: root, ephemeral, swap or config drive."""

    def __init__(
        self,
        instance: Any = None,
        disk_name: str | None = None,
        path: str | None = None,
        disk_info_mapping: Any = None,
    ):
        """Name the disk by instance and name, or by libvirt's path."""
        super().__init__(
            instance=instance,
            disk_name=disk_name,
            path=path,
            disk_info_mapping=disk_info_mapping,
        )
        self.driver = RBDDriver()
        self._instance = instance
        self._refusal: exception.ImageUnacceptable | None = None

    def create_image(
        self,
        prepare_template: Callable[..., None],
        base: str,
        size: int | None,
        safe: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Make the volume, unless it is there.

        From an image it becomes a clone wherever that can be, whether a
        base file is in the image cache or not. Other contents (ephemeral,
        swap) come from the base file that *prepare_template* makes.

        :param base: the path of the base file
        :param size: least size of the volume in bytes; ``None`` or 0: as
            the image
        :raises ImageUnacceptable: it cannot be cloned, and may not be
            downloaded
        :raises FlavorDiskSmallerThanImage: the image needs more than *size*
        """
        from_image = kwargs.get('image_id') is not None
        if from_image and not self.exists():
            if self._is_cloned(base, size, **kwargs):
                return
            if self._refusal is not None:
                self._clone_cached(prepare_template, base, *args, **kwargs)
        # What is not there yet, and the size.
        super().create_image(
            prepare_template, base, size, safe, *args, **kwargs
        )

    def clone(
        self, context: Any, image_id_or_uri: str, copy_to_store: bool = True
    ) -> None:
        """Make the volume a clone of an image, copied here first if need be.

        :param context: of the request; its user decides what may be seen
        :param copy_to_store: ours does it where a store is configured
        :raises ImageUnacceptable: the image cannot be cloned at this site
        :raises ImageNotFound: none that the user may see
        """
        if self._refusal is not None:
            # Nova asks again before it downloads: the answer is the same.
            raise self._refusal
        self._clone(context, image_id_or_uri, None)

    def direct_snapshot(
        self,
        context: Any,
        snapshot_name: str,
        image_format: str,
        image_id: str,
        base_image_id: str,
    ) -> str:
        """Make the volume, as it is now, an image of this site's store.

        Return the location that Glance is to be told of.

        :raises ImageUnacceptable: it cannot be, and is to be uploaded
        """
        if image_format != 'raw':
            raise exception.ImageUnacceptable(
                image_id=image_id,
                reason=f'a volume is raw, and {image_format} was asked for',
            )
        kept = process.kept()
        try:
            with errors.as_novas(self.rbd_name):
                return direct_snapshot.to_image(
                    kept.site,
                    kept.images_for(context),
                    self.rbd_name,
                    image_id,
                )
        except exception.InvalidConfiguration as exc:
            raise errors.unacceptable(image_id, exc) from exc

    def _is_cloned(
        self,
        base: str,
        size: int | None,
        *,
        context: Any,
        image_id: str,
        **_others: Any,
    ) -> bool:
        """Clone the image, or tell that its data must come another way.

        :raises ImageUnacceptable: there may be no other way
        """
        may_download = not CONF.workarounds.never_download_image_if_on_rbd
        try:
            self._clone(context, image_id, size)
        except exception.ImageUnacceptable as exc:
            if not may_download:
                raise
            LOG.warning('%s', exc, instance=self._instance)
            self._refusal = exc
            return False
        except exception.ImageNotFound:
            # Nova goes on from the base file of an image that is no more.
            if may_download and Path(base).exists():
                return False
            raise
        return True

    def _clone(self, context: Any, image: str, size: int | None) -> None:
        # A URI of Glance's ends in the id.
        image_id = image.rpartition('/')[2]
        shown = Shown(self._instance, errors.DELETED)
        try:
            with errors.as_novas(image_id):
                _retried(self._clone_once, context, image_id, size, shown)
        except exception.Forbidden as exc:
            # It may still be allowed to download it.
            raise errors.unacceptable(image_id, exc) from exc
        finally:
            shown.end()

    def _clone_once(
        self, context: Any, image_id: str, size: int | None, shown: Shown
    ) -> None:
        process.kept().backend_for(context).create_from_image(
            self.rbd_name, image_id, size or None, shown
        )

    def _clone_cached(
        self,
        prepare_template: Callable[..., None],
        base: str,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Clone the image from the pool's cache, downloaded to it once."""
        image_id = kwargs['image_id']
        if self._is_cloned_from_cache(kwargs['context'], image_id):
            return
        self._remove_non_raw_cache_image(base)
        prepare_template(*args, target=base, **kwargs)
        if not Path(base).exists():
            return
        added = self._add_to_cache(image_id, base)
        if added is not None:
            with errors.as_novas(image_id):
                process.kept().volumes.clone(added, self.rbd_name, None)

    def _is_cloned_from_cache(self, context: Any, image_id: str) -> bool:
        kept = process.kept()
        with errors.as_novas(image_id):
            cached = kept.image_cache.find(image_id)
            if cached is None:
                return False
            # What one user had downloaded serves those who see the image.
            _retried(_check_seen, context, image_id)
            try:
                kept.volumes.clone(cached, self.rbd_name, None)
            except exceptions.SnapshotNotFound:
                # Another host has just removed it, as nothing used it.
                return False
        return True

    def _add_to_cache(self, image_id: str, base: str) -> Snapshot | None:
        cache = process.kept().image_cache

        # Of the builds on this host that want it, one writes it.
        @utils.synchronized(  # type: ignore[untyped-decorator]
            f'rbd-multistore-{image_id}',
            external=True,
            lock_path=self.lock_path,
        )
        def add() -> Snapshot | None:
            return cache.find(image_id) or cache.add(image_id, Path(base))

        with errors.as_novas(image_id):
            found: Snapshot | None = add()
            return found


def _check_seen(context: Any, image_id: str) -> None:
    process.kept().images_for(context).image(image_id).check_active()


def _retried(call: Callable[..., None], *args: Any) -> None:
    """Make a call again while Glance is away, as often as Nova's are, and
    as long as a restart of it may take.

    Each time it goes to the next of Nova's ``api_servers``, if it has any.

    :raises GlanceUnavailable: it was away each time
    """
    tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(exceptions.GlanceUnavailable),
        stop=tenacity.stop_all(
            tenacity.stop_after_attempt(1 + CONF.glance.num_retries),
            tenacity.stop_after_delay(_AWAY_S),
        ),
        wait=tenacity.wait_fixed(_RETRY_PAUSE_S),
        reraise=True,
    )(call, *args)
