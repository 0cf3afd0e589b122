# SPDX-License-Identifier: Apache-2.0
"""What one nova-compute keeps: a site, and a way to Glance."""

from __future__ import annotations

import atexit
import functools
import secrets
import threading
from typing import Any

import nova.conf
from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.backend import Backend
from rbd_multistore.ceph.cluster import Access, Cluster
from rbd_multistore.ceph.image_cache import ImageCache
from rbd_multistore.glance import session
from rbd_multistore.glance.service import ImageService
from rbd_multistore.site import Site

_GLANCE = 'glance'
_SERVICE_USER = 'service_user'


class Process:
    """The parts that are made once, and those for one request."""

    def __init__(self, conf: cfg.ConfigOpts):
        """Read *conf*, which is Nova's with our options.

        :raises ConfigError: an option is missing or wrong
        """
        if conf[opts.GROUP].libvirt_pool:
            raise exceptions.ConfigError(
                f'libvirt_pool in [{opts.GROUP}] cannot be used with Nova, '
                'whose own options in [libvirt] name the pool: unset it.'
            )
        self._conf = conf
        self.site = Site(conf, {})
        self.volumes = self.site.volumes
        self.cluster = self.volumes.cluster
        self.image_cache = ImageCache(self.cluster, self.volumes.pool)
        self._service = session.first_credentials(
            conf, (opts.GROUP, _SERVICE_USER)
        )
        self._sent = (
            session.first_credentials(conf, (_SERVICE_USER,))
            if conf[_SERVICE_USER].send_service_user_token
            else None
        )
        self._way = session.way_to_glance(conf, _GLANCE)

    def images_for(self, context: Any) -> ImageService:
        """Return the images as whoever made a request may use them.

        :param context: the ``nova.context.RequestContext``
        """
        if self._conf.glance.api_servers:
            self._way.endpoint_override = secrets.choice(
                self._conf.glance.api_servers
            )
        caller = context.get_auth_plugin()
        if self._sent is not None:
            # As Nova's own requests to Glance are made.
            caller = session.both_tokens(caller, self._sent)
        return session.image_service_for(self._way, caller, self._service)

    def backend_for(self, context: Any) -> Backend:
        """Return the decision for whoever made a request."""
        return self.site.backend_for(self.images_for(context))

    @functools.cache  # noqa: B019 - there is one process, kept for good
    def other_cluster(
        self, conffile: str, user: str | None, timeout_s: int
    ) -> Cluster:
        """Return a cluster that Nova names beside its own, kept as well."""
        return Cluster(Access(conffile=conffile, user=user), timeout_s)


_lock = threading.Lock()
_kept: list[Process] = []


def kept() -> Process:
    """Return what this process keeps; made when it is first asked for.

    Making it reads options, and talks to nobody.

    :raises ConfigError: an option is missing or wrong
    """
    with _lock:
        if not _kept:
            _kept.append(Process(nova.conf.CONF))
            # librados has threads of its own, which must not outlive Python.
            atexit.register(_kept[0].site.close)
        return _kept[0]


def forget() -> None:
    """Close what is kept, and have it made anew from the options then."""
    with _lock:
        while _kept:
            site = _kept.pop().site
            atexit.unregister(site.close)
            site.close()
