# SPDX-License-Identifier: Apache-2.0
"""The volumes of a real cluster pass what those in memory pass."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import rados
import rbd
from oslo_config import cfg

from rbd_multistore import opts
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.ceph.volumes import Volumes
from rbd_multistore.site import Site

pytest.register_assert_rewrite('tests.unit.ceph.volumes_contract')

from tests.unit.ceph.volumes_contract import (  # noqa: E402
    PARENT_BYTES,
    PREFIX,
    VolumesContract,
)

LAB = Path(__file__).parents[2] / '.lab'


@pytest.fixture(scope='module')
def admin() -> Iterator[rados.Rados]:
    """The cluster at site_a, for who may do everything there."""
    connection = rados.Rados(conffile=str(LAB / 'ceph-site_a.conf'))
    connection.connect()
    yield connection
    connection.shutdown()


@pytest.fixture(scope='module')
def parent(admin: rados.Rados) -> Iterator[Snapshot]:
    """An image as Glance uploads one."""
    name = f'{PREFIX}{uuid.uuid4()}'
    pool = admin.open_ioctx('images')
    rbd.RBD().create(pool, name, PARENT_BYTES)
    with rbd.Image(pool, name) as image:
        image.create_snap('snap')
        image.protect_snap('snap')
    yield Snapshot('images', name, 'snap')
    with rbd.Image(pool, name) as image:
        image.unprotect_snap('snap')
        image.remove_snap('snap')
    rbd.RBD().remove(pool, name)
    pool.close()


@pytest.fixture(scope='module')
def site_volumes() -> Iterator[Volumes]:
    """The volumes as the library reaches them: from libvirt's pool alone."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(['--config-file', str(LAB / 'site_a.conf')])
    volumes = Site(conf, {}).volumes
    yield volumes
    volumes.cluster.close()


@pytest.fixture
def volumes(site_volumes: Volumes, admin: rados.Rados) -> Iterator[Volumes]:
    yield site_volumes
    pool = admin.open_ioctx(site_volumes.pool)
    _sweep(pool)
    pool.close()


def _sweep(pool: rados.Ioctx) -> None:
    """Remove what a test made, and nothing else."""
    for trashed in rbd.RBD().trash_list(pool):
        if trashed['name'].startswith(PREFIX):
            rbd.RBD().trash_remove(pool, trashed['id'], force=True)
    for name in rbd.RBD().list(pool):
        if not name.startswith(PREFIX):
            continue
        with rbd.Image(pool, name) as image:
            for snapshot in list(image.list_snaps()):
                image.remove_snap(snapshot['name'])
        with contextlib.suppress(rbd.ImageNotFound):
            rbd.RBD().remove(pool, name)


class TestOnARealCluster(VolumesContract):
    """The volumes of the lab's cluster at site_a."""
