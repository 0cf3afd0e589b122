# SPDX-License-Identifier: Apache-2.0
"""What one nova-compute keeps: a site, and a way to Glance.

Options are read when it is made, once: none of ours is one that Nova reads
anew on SIGHUP (``mutate_config_files``), and connections outlive that.
"""

from __future__ import annotations

import atexit
import itertools
import os
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

_GLANCE = opts.NOVA_GLANCE
_SERVICE_USER = opts.NOVA_SERVICE_USER


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
        self.site = Site(conf, {})
        self.volumes = self.site.volumes
        self.cluster = self.volumes.cluster
        self.image_cache = ImageCache(self.cluster, self.volumes.pool)
        self._timeout_s: int = conf[opts.GROUP].ceph_timeout
        self._others: dict[tuple[str, str | None], Cluster] = {}
        self._service = session.first_credentials(
            conf, (opts.GROUP, _SERVICE_USER)
        )
        self._sent = (
            session.first_credentials(conf, (_SERVICE_USER,))
            if conf[_SERVICE_USER].send_service_user_token
            else None
        )
        self._way = session.way_to_glance(conf, _GLANCE)
        servers = conf[_GLANCE].api_servers or ()
        # As Nova does: in an order of this host's own, one after another.
        shuffled = secrets.SystemRandom().sample(servers, len(servers))
        self._servers = itertools.cycle(shuffled)

    def images_for(self, context: Any) -> ImageService:
        """Return the images as whoever made a request may use them.

        :param context: the ``nova.context.RequestContext``
        """
        caller = context.get_auth_plugin()
        server = next(self._servers, None)
        way = (
            session.at_server(self._way, server)
            if server
            else session.to_root(self._way, caller)
        )
        if self._sent is not None:
            # As Nova's own requests to Glance are made.
            caller = session.both_tokens(caller, self._sent)
        return session.image_service_for(way, caller, self._service)

    def backend_for(self, context: Any) -> Backend:
        """Return the decision for whoever made a request."""
        return self.site.backend_for(self.images_for(context))

    def other_cluster(self, conffile: str, user: str | None) -> Cluster:
        """Return a cluster that Nova names beside its own, kept as well."""
        access = Access(conffile=conffile, user=user)
        # Connects when it is asked something: one that loses the race costs
        # nothing.
        return self._others.setdefault(
            (conffile, user), Cluster(access, self._timeout_s)
        )

    def close(self) -> None:
        """Close the connections; no call is under way."""
        self.site.close()
        for cluster in self._others.values():
            cluster.close()


_lock = threading.Lock()
_kept: list[Process] = []
_parents: list[Process] = []


def kept() -> Process:
    """Return what this process keeps; made when it is first asked for.

    Making it reads options, and talks to nobody.

    :raises ConfigError: an option is missing or wrong
    """
    with _lock:
        if not _kept:
            _kept.append(Process(nova.conf.CONF))
            # librados has threads of its own, which must not outlive Python.
            atexit.register(_kept[0].close)
        return _kept[0]


def forget() -> None:
    """Close what is kept, and have it made anew from the options then."""
    with _lock:
        while _kept:
            process = _kept.pop()
            atexit.unregister(process.close)
            process.close()


def _leave_to_parent() -> None:
    """In a forked process: what was kept is the parent's.

    The threads of librados are not there, so that a call would never end,
    and neither would a shutdown: it is held, and not used.
    """
    global _lock
    _lock = threading.Lock()
    for process in _kept:
        atexit.unregister(process.close)
    _parents.extend(_kept)
    _kept.clear()


# nova-compute starts its threads and connects after its last fork (Nova 32
# forks a worker on native threads; 33 and 34 do not). Who forks later is safe.
os.register_at_fork(after_in_child=_leave_to_parent)
