# SPDX-License-Identifier: Apache-2.0
"""Servers in the lab's Nova, for tests: created where a test wants them, and
deleted when it is over."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import rbd
from openstack import connection, exceptions

from tests.lab import image, wait
from tests.lab.nova import cloud
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab

POOL = 'vms'


class Refused(AssertionError):
    """A server came to ERROR; Nova's fault is in the text."""


@dataclass
class Servers:
    """Makes servers for the one that ``by`` is of.

    :ivar admin: an administrator's connection, which also deletes them.
    """

    nova: NovaLab
    admin: connection.Connection
    by: connection.Connection
    made: list[str] = field(default_factory=list)

    def begin(
        self,
        image_id: str,
        name: str = 'server',
        *,
        zone: str | None = 'site_a',
        flavor: str = cloud.TINY.name,
        **attributes: Any,
    ) -> Any:
        """Ask for a server without networks; return it as it is answered.

        :param zone: a site, or with an administrator's connection
            ``site:compute`` for one host.  Nova keeps a server in its zone;
            with None it may go anywhere.
        :param attributes: further ones of openstacksdk's
            ``compute.create_server``, such as ``config_drive=True``, or for
            an administrator ``host='compute-a1'``.
        """
        compute: Any = self.by.compute
        if zone is not None:
            attributes['availability_zone'] = zone
        server = compute.create_server(
            name=name,
            image_id=image_id,
            flavor_id=flavor,
            networks='none',
            **attributes,
        )
        self.made.append(server.id)
        return server

    def create(self, image_id: str, name: str = 'server', **more: Any) -> Any:
        """:meth:`begin`, and wait until it is ACTIVE."""
        return self.wait_for(self.begin(image_id, name, **more))

    def show(self, server: Any) -> Any:
        """As an administrator sees it now, with its host and its fault."""
        compute: Any = self.admin.compute
        return compute.get_server(server.id)

    def wait_for(
        self, server: Any, status: str = 'ACTIVE', timeout_s: float = 300.0
    ) -> Any:
        """Until it has the status and no task; :class:`Refused` if it comes
        to ERROR instead."""

        def there() -> Any:
            now = self.show(server)
            if now.status == 'ERROR' != status:
                raise Refused(f'{now.name}: {now.fault}')
            return now.status == status and not now.task_state and now

        return wait.until(
            there, f'{status} of {server.id}', timeout_s=timeout_s, pause_s=0.3
        )

    def wait_for_console(
        self,
        server: Any,
        line: str = image.BOOTED,
        timeout_s: float = 120.0,
    ) -> str:
        """Until its console's log has the line; return the log."""
        compute: Any = self.by.compute

        def said() -> str:
            output = compute.get_server_console_output(server.id)['output']
            return output if line in (output or '') else ''

        return wait.until(
            said, f'{line!r} of {server.id}', timeout_s=timeout_s, pause_s=0.5
        )

    def compute_of(self, server: Any) -> Compute:
        """The compute that it is on."""
        return self.nova.computes[self.show(server).compute_host]

    def volumes(self, server: Any, site: str) -> dict[str, str]:
        """Its volumes at a site: name and parent, '' if it has none, as
        ``pool/image@snapshot``."""
        with (
            self.nova.lab.clusters[site].connect() as cluster,
            cluster.open_ioctx(POOL) as ioctx,
        ):
            names = rbd.RBD().list(ioctx)
            return {
                name: _parent(ioctx, name)
                for name in names
                if name.startswith(f'{server.id}_')
            }

    def delete(self, server: Any, timeout_s: float = 120.0) -> None:
        """Delete it and wait until it is gone."""
        compute: Any = self.admin.compute
        compute.delete_server(server.id, ignore_missing=True)

        def gone() -> bool:
            try:
                compute.get_server(server.id)
            except exceptions.NotFoundException:
                return True
            return False

        wait.until(
            gone, f'end of {server.id}', timeout_s=timeout_s, pause_s=0.3
        )
        self.made.remove(server.id)

    def delete_all(self) -> None:
        """Delete what is still there."""
        for server_id in list(self.made):
            self.delete(_ById(server_id))


@dataclass(frozen=True)
class _ById:
    id: str


def _parent(ioctx: Any, name: str) -> str:
    with rbd.Image(ioctx, name, read_only=True) as volume:
        try:
            return '{}/{}@{}'.format(*volume.parent_info())
        except rbd.ImageNotFound:
            return ''


@contextlib.contextmanager
def cleaned(
    nova: NovaLab, admin: connection.Connection, by: connection.Connection
) -> Iterator[Servers]:
    """Servers that are deleted at the end."""
    servers = Servers(nova, admin, by)
    try:
        yield servers
    finally:
        servers.delete_all()
