# SPDX-License-Identifier: Apache-2.0
"""A second pool like the lab's own, with thousands of volumes in it.

Two pools, so that the empty and the crowded one can take turns in the same
minute. libvirt knows the second as it does the first: defined, not started.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import libvirt
import rados
import rbd

from benchmarks.contender import Place
from benchmarks.stage import SITE
from tests.lab import ceph
from tests.lab.lab import Lab

POOL = 'bench-crowd'
PLACE = Place(POOL, f'rbd-multistore-{POOL}')
VOLUME_BYTES = 1024**3
THREADS = 16

LIBVIRT_POOL = """\
<pool type='rbd'>
  <name>{name}</name>
  <source>
    <host name='127.0.0.1' port='{port}'/>
    <name>{pool}</name>
    <auth type='ceph' username='nova'>
      <secret uuid='{secret}'/>
    </auth>
  </source>
</pool>
"""


@contextlib.contextmanager
def crowd(lab: Lab, volumes: int) -> Iterator[Place]:
    """Make the pool and its volumes; remove the pool again."""
    site = lab.clusters[SITE]
    with site.connect('admin') as admin, lab.libvirt.connect() as connection:
        _remove(admin, connection)
        try:
            _make_pool(admin)
            connection.storagePoolDefineXML(_libvirt_pool(site))
            with admin.open_ioctx(POOL) as ioctx:
                rbd.RBD().pool_init(ioctx, False)
                _fill(ioctx, volumes)
            yield PLACE
        finally:
            _remove(admin, connection)


def remove(lab: Lab) -> None:
    """Remove the pool that a killed run has left, if there is one."""
    site = lab.clusters[SITE]
    with site.connect('admin') as admin, lab.libvirt.connect() as connection:
        _remove(admin, connection)


def _make_pool(admin: rados.Rados) -> None:
    ceph.command(admin, 'osd pool create', pool=POOL, pg_num=8)
    _set_caps(admin, f'{ceph.CAPS["client.nova"]["osd"]}, {_profile()}')


def _fill(ioctx: rados.Ioctx, volumes: int) -> None:
    def create(number: int) -> None:
        rbd.RBD().create(ioctx, f'volume-{number}', VOLUME_BYTES)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(create, range(volumes)))


def _remove(admin: rados.Rados, connection: libvirt.virConnect) -> None:
    for pool in connection.listAllStoragePools():
        if pool.name() == PLACE.libvirt_pool:
            pool.undefine()
    if POOL in admin.list_pools():
        _remove_pool(admin)
    _set_caps(admin, ceph.CAPS['client.nova']['osd'])


def _remove_pool(admin: rados.Rados) -> None:
    allow = {'who': 'mon', 'name': 'mon_allow_pool_delete'}
    ceph.command(admin, 'config set', **allow, value='true')
    try:
        ceph.command(
            admin,
            'osd pool delete',
            pool=POOL,
            pool2=POOL,
            yes_i_really_really_mean_it=True,
        )
    finally:
        ceph.command(admin, 'config rm', **allow)


def _set_caps(admin: rados.Rados, osd: str) -> None:
    caps = ['mon', ceph.CAPS['client.nova']['mon'], 'osd', osd]
    ceph.command(admin, 'auth caps', entity='client.nova', caps=caps)


def _profile() -> str:
    return f'profile rbd pool={POOL}'


def _libvirt_pool(site: ceph.Cluster) -> str:
    return LIBVIRT_POOL.format(
        name=PLACE.libvirt_pool,
        pool=POOL,
        port=site.state.mon_v2_port,
        secret=site.state.secret_uuid,
    )
