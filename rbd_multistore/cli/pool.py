# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore pool ...``"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cliff import show

from rbd_multistore.cli.columns import Names
from rbd_multistore.cli.command import SiteCommand

if TYPE_CHECKING:
    from rbd_multistore.virt.pool import Pool

_Fields = tuple[tuple[str, ...], tuple[Any, ...]]


class ShowPool(SiteCommand, show.ShowOne):
    """Show the pool that the volumes are in, and how full it is."""

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Show it."""
        volumes = self.site.volumes
        usage = volumes.cluster.usage(volumes.pool)
        rows = {
            'pool': volumes.pool,
            'fsid': volumes.cluster.fsid(),
            'volumes': len(volumes.names()),
            'used': usage.used_bytes,
            'available': usage.available_bytes,
            **_definition(self.site.definition),
        }
        return tuple(rows), tuple(rows.values())


class DefinePool(SiteCommand, show.ShowOne):
    """Define a libvirt storage pool and its secret, from a ceph.conf.

    The key is read from the keyring that the ceph.conf names. Doing it again
    changes nothing but the key. libvirt_uri says where it is defined.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name, and where the rest is."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'name', metavar='NAME', help="libvirt's name for the pool."
        )
        parser.add_argument(
            '--ceph-conf',
            required=True,
            metavar='PATH',
            help='The ceph.conf of the cluster.',
        )
        parser.add_argument(
            '--user',
            required=True,
            help='The cephx user, without "client.".',
        )
        parser.add_argument('--pool', required=True, help='The Ceph pool.')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Define it."""
        from rbd_multistore.ceph.conf import read_conf
        from rbd_multistore.virt.define import define_pool
        from rbd_multistore.virt.pool import Host

        conf = read_conf(parsed_args.ceph_conf, parsed_args.user)
        pool = define_pool(
            self.site.libvirt,
            parsed_args.name,
            parsed_args.pool,
            [Host(mon.host, mon.port) for mon in conf.monitors],
            parsed_args.user,
            conf.key,
        )
        rows = {'pool': pool.source, **_definition(pool)}
        return tuple(rows), tuple(rows.values())


def _definition(pool: Pool | None) -> dict[str, Any]:
    if pool is None:
        return {}
    hosts = frozenset(
        f'{host.name} {host.port}'.strip() for host in pool.hosts
    )
    return {
        'libvirt_pool': pool.name,
        'monitors': Names(hosts),
        'user': pool.user,
        'secret': (pool.secret.uuid or pool.secret.usage)
        if pool.secret
        else '',
    }
