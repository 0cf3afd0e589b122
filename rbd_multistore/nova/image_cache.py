# SPDX-License-Identifier: Apache-2.0
"""Has Nova's image cache manager look after the pool's cached images too."""

from __future__ import annotations

from typing import Any

import nova.conf
from nova.virt.libvirt.imagecache import ImageCacheManager as NovasManager
from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.nova import process

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


class ImageCacheManager(NovasManager):  # type: ignore[misc]
    """Nova's, which also removes cached images that nothing was cloned from.

    The options are those for base files: whether unused ones are removed,
    and from which age on.
    """

    def update(self, context: Any, all_instances: Any) -> None:
        """Look after the base files, then after the pool."""
        super().update(context, all_instances)
        options = CONF.image_cache
        is_ours = CONF.libvirt.images_type == 'rbd'
        if not is_ours or not options.remove_unused_base_images:
            return
        try:
            removed = process.kept().image_cache.remove_unused(
                options.remove_unused_original_minimum_age_seconds
            )
        except exceptions.RBDMultistoreError as exc:
            LOG.warning('The cached images were not looked at: %s', exc)
            return
        if removed:
            LOG.info('Removed unused cached images: %s', ', '.join(removed))
