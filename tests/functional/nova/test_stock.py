# SPDX-License-Identifier: Apache-2.0
"""The same hosts, served by Nova's own nova-compute: what it does where ours
does otherwise, and that it goes on with what ours has made.

The row of ours that each has a counterpart in is named with it.  What both do
alike is in test_stock_life.py.  The order counts: Glance is opened for the
tests at the end, and stays so until the last.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.functional.copying import Cloud, Pool
from tests.functional.nova.life import (
    COMPUTE_THERE,
    COMPUTES_HERE,
    GIB,
    HERE,
    THERE,
    base_files,
    begin_at,
    cache_on_hosts,
    clone_of,
    fault_of,
    hosts_tried,
    root_of,
    stock,
    take_snapshot,
)
from tests.lab import image, images
from tests.lab.nova.servers import Refused, Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')

SLOW = 2


def test_removal_is_harmless(
    servers: Servers,
    lab_images: images.Images,
    hit: str,
    miss: str,
    unique: Callable[[str], str],
) -> None:
    """What ours has made Nova's own starts, resizes, snapshots, deletes."""
    compute: Any = servers.by.compute
    by_ours = [
        servers.create(
            wanted, unique('ours'), flavor=flavor, config_drive=True
        )
        for wanted, flavor in ((hit, 'tiny'), (miss, 'disks'))
    ]
    volumes = [servers.volumes(server, HERE) for server in by_ours]
    for server in by_ours:
        root_of(servers, server).write()

    computes = [servers.nova.computes[name] for name in COMPUTES_HERE]
    with stock(*computes):
        for server, had in zip(by_ours, volumes, strict=True):
            compute.reboot_server(server.id, 'HARD')
            servers.wait_for(server)
            servers.wait_for_console(server, image.WRITTEN)
            assert servers.volumes(server, HERE) == had
            assert root_of(servers, server).is_written()

        resized, other = by_ours
        compute.resize_server(resized.id, 'bigger')
        servers.wait_for(resized, 'VERIFY_RESIZE')
        compute.confirm_server_resize(resized.id)
        servers.wait_for(resized)
        root = root_of(servers, resized)
        assert (root.size_bytes, root.is_written()) == (2 * GIB, True)

        taken = take_snapshot(servers, other, unique('snapshot'))
        lab_images.made.append(taken)
        lab_images.wait_for(taken, [HERE])
        servers.wait_for(other)

        for server in by_ours:
            servers.delete(server)
            assert servers.volumes(server, HERE) == {}


# -- with Glance's own policies ----------------------------------------------


@pytest.mark.usefixtures('novas_own')
def test_member_on_a_miss(servers: Servers, glance: Cloud, miss: str) -> None:
    """Ours: test_boot.py::test_miss_and_hit, ACTIVE."""
    server = servers.begin(miss)
    servers.wait_for(server, 'ERROR')
    assert hosts_tried(servers, server) != []
    assert miss not in fault_of(servers, server)
    assert glance.outcomes(miss) == []


@pytest.mark.usefixtures('novas_own')
def test_member_on_a_hit(servers: Servers, hit: str) -> None:
    """Ours: test_boot.py::test_miss_and_hit, a clone.  Locations are hidden,
    so that Nova's own does not know that the image is here."""
    server = servers.begin(hit)
    servers.wait_for(server, 'ERROR')
    assert servers.volumes(server, HERE) == {}


# -- with locations shown, and copies for everybody --------------------------


@pytest.mark.usefixtures('novas_own', 'opened')
def test_hit(servers: Servers, hit: str) -> None:
    """As ours."""
    server = servers.create(hit)
    servers.wait_for_console(server, image.WRITTEN)
    assert servers.volumes(server, HERE) == clone_of(server, hit)


@pytest.mark.usefixtures('novas_own', 'opened')
def test_miss(servers: Servers, glance: Cloud, miss: str) -> None:
    """As ours, but for the wait."""
    server = servers.create(miss)
    assert servers.volumes(server, HERE) == clone_of(server, miss)
    assert glance.outcomes(miss) == ['success']


@pytest.mark.usefixtures('novas_own', 'opened')
def test_one_on_each_host(
    admin_servers: Servers,
    glance: Cloud,
    here: Pool,
    miss: str,
    unique: Callable[[str], str],
) -> None:
    """Ours: test_together.py::test_one_on_each_host, both ACTIVE."""

    def end_of(host: str) -> str:
        server = admin_servers.begin(miss, unique(host), zone=f'{HERE}:{host}')
        try:
            return str(admin_servers.wait_for(server).status)
        except Refused:
            return 'ERROR'

    with here.throttled('write', SLOW), ThreadPoolExecutor() as pool:
        ends = list(pool.map(end_of, COMPUTES_HERE))
    assert sorted(ends) == ['ACTIVE', 'ERROR']


@pytest.mark.usefixtures('novas_own', 'opened')
def test_base_file_on_the_host(servers: Servers, hit: str) -> None:
    """Ours: test_not_cloneable.py::test_base_file_on_the_host, a clone."""
    cache_on_hosts(servers, HERE, hit)
    server = servers.create(hit)
    assert base_files(servers.compute_of(server), hit)
    assert servers.volumes(server, HERE) == {f'{server.id}_disk': ''}


@pytest.mark.usefixtures('novas_own', 'opened')
def test_cold_migration_to_the_other_site(
    admin_servers: Servers, miss: str, unique: Callable[[str], str]
) -> None:
    """Ours: test_move.py::test_cold_migration_refused, and it runs on.  Here
    it is stopped, in ERROR for a reason that says nothing, and its disk
    outlives it."""
    server = begin_at(admin_servers, miss, unique('there'), COMPUTE_THERE)
    admin_servers.wait_for(server)

    compute: Any = admin_servers.admin.compute
    compute.migrate_server(server.id, host=COMPUTES_HERE[0])
    admin_servers.wait_for(server, 'ERROR')
    assert fault_of(admin_servers, server) == 'ImageNotFound'
    disks = clone_of(server, miss)
    assert admin_servers.volumes(server, THERE) == disks

    admin_servers.delete(server)
    assert admin_servers.volumes(server, THERE) == disks
    root_of(admin_servers, server, THERE).remove()
