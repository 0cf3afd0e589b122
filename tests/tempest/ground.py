# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on: images, and a lab that a killed run has left
nothing in."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rbd
from keystoneauth1 import session as ks_session
from openstack import connection

from tests.lab import image, images, keystone, wait
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import POOL
from tests.tempest import conf

#: Of all that Tempest makes, and of the images that are made for it.
PREFIX = 'tempest-'

MIB = 1024**2

#: Small: what is tested is not how long a copy takes.
IMAGE_BYTES = 16 * MIB

#: Names of volumes by site.
Volumes = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Ground:
    """
    :ivar cloud: an administrator's connection.
    """

    nova: NovaLab
    session: ks_session.Session
    cloud: connection.Connection

    @contextlib.contextmanager
    def images(self) -> Iterator[conf.Images]:
        """Two images that everybody may boot from and that only the central
        store has."""
        lab = self.nova.lab
        glance = images.client(lab, self.session)
        with images.cleaned(glance) as made:
            ids = []
            for seed, word in enumerate(('first', 'second')):
                name = f'{PREFIX}lab-{word}'
                data = lab.paths.root / f'{name}.raw'
                image.make(data, IMAGE_BYTES, seed)
                found = made.upload(glance, data, name, visibility='public')
                ids.append(found['id'])
            yield conf.Images(*ids)

    def sweep(self) -> None:
        """Delete what a killed run has left: servers, then the rest."""
        compute: Any = self.cloud.compute
        for server in self._servers():
            compute.delete_server(server, force=True)
        wait.until(
            lambda: not self._servers(), 'end of old servers', timeout_s=300
        )
        identity: Any = self.cloud.identity
        for kind in ('image', 'project', 'user'):
            room: Any = self.cloud.image if kind == 'image' else identity
            for one in getattr(room, f'{kind}s')():
                if (one.name or '').startswith(PREFIX):
                    getattr(room, f'delete_{kind}')(one)

    def volumes(self) -> Volumes:
        """What is in the computes' pool at each site now."""
        return {
            site: frozenset(_names(cluster))
            for site, cluster in self.nova.lab.clusters.items()
        }

    def _servers(self) -> list[Any]:
        compute: Any = self.cloud.compute
        found = compute.servers(all_projects=True)
        return [one for one in found if one.name.startswith(PREFIX)]


@contextlib.contextmanager
def ground(nova: NovaLab) -> Iterator[Ground]:
    """What stands on this lab, which is up."""
    session = nova.lab.keystone.session(keystone.ADMIN)
    with nova.connection(keystone.ADMIN) as cloud:
        yield Ground(nova, session, cloud)


def _names(cluster: Any) -> list[str]:
    with (
        cluster.connect() as connected,
        connected.open_ioctx(POOL) as ioctx,
    ):
        names: list[str] = rbd.RBD().list(ioctx)
        return names
