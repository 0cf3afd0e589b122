# SPDX-License-Identifier: Apache-2.0
"""A snapshot of a server at one site boots at the other."""

from collections.abc import Callable
from typing import Any

import pytest
from keystoneauth1.session import Session

from tests.functional.copying import Cloud
from tests.functional.nova.life import (
    HERE,
    THERE,
    clone_of,
    root_of,
    take_snapshot,
)
from tests.lab import ceph, image, images
from tests.lab.nova.servers import Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')


def test_snapshot_here_boots_there(
    servers: Servers,
    lab_images: images.Images,
    demo_glance: Any,
    service_session: Session,
    glance: Cloud,
    site_a: ceph.Cluster,
    hit: str,
    unique: Callable[[str], str],
) -> None:
    server = servers.create(hit)
    root = root_of(servers, server)
    root.write()
    log = glance.lab.glance.service.mark_log()

    taken = take_snapshot(servers, server, unique('snapshot'))
    lab_images.made.append(taken)
    record = lab_images.wait_for(taken, [HERE])
    servers.wait_for(server)

    # In the pool of this site's store, with nothing uploaded.
    (location,) = service_session.get(
        f'{glance.lab.glance.url}/v2/images/{taken}/locations'
    ).json()
    assert location == {
        'url': f'rbd://{site_a.fsid}/images/{taken}/snap',
        'metadata': {'store': HERE},
    }
    assert f'/v2/images/{taken}' in log.text()
    assert f'/v2/images/{taken}/file' not in log.text()
    assert (record['disk_format'], record['visibility']) == ('raw', 'private')
    assert record['owner'] == demo_glance.images.get(hit)['owner']
    assert root.snapshots() == []

    # The image needs nothing of what it was taken from.
    servers.delete(server)
    assert servers.volumes(server, HERE) == {}

    for site in (HERE, THERE):
        booted = servers.create(taken, unique(site), zone=site)
        servers.wait_for_console(booted, image.WRITTEN)
        assert servers.volumes(booted, site) == clone_of(booted, taken)
        assert root_of(servers, booted, site).is_written()
    assert glance.outcomes(taken)[-1:] == ['success']
    assert glance.stores(taken) == {HERE, THERE}
