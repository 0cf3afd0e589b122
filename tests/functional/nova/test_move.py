# SPDX-License-Identifier: Apache-2.0
"""Servers that move between the hosts of a site, and none that moves away
from its disks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openstack import exceptions

from tests.functional.nova.life import (
    COMPUTE_THERE,
    COMPUTES_HERE,
    GIB,
    HERE,
    THERE,
    begin_at,
    clone_of,
    root_of,
    wait_for_failure,
)
from tests.lab import ceph, image, wait
from tests.lab.nova.compute import Compute
from tests.lab.nova.servers import Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')


def other_than(host: str) -> str:
    (other,) = set(COMPUTES_HERE) - {host}
    return other


def host_of(servers: Servers, server: Any) -> str:
    return str(servers.show(server).compute_host)


# -- within a site -----------------------------------------------------------


def test_resize_and_confirm(servers: Servers, hit: str) -> None:
    server = servers.create(hit)
    root = root_of(servers, server)
    root.write()
    source = host_of(servers, server)

    servers.by.compute.resize_server(server.id, 'bigger')
    servers.wait_for(server, 'VERIFY_RESIZE')
    assert host_of(servers, server) == other_than(source)
    assert (root.size_bytes, root.is_written()) == (2 * GIB, True)
    servers.wait_for_console(server, image.WRITTEN)

    servers.by.compute.confirm_server_resize(server.id)
    servers.wait_for(server)
    assert (root.size_bytes, root.is_written()) == (2 * GIB, True)
    assert root.snapshots() == []
    assert servers.volumes(server, HERE) == clone_of(server, hit)


def test_resize_and_revert(servers: Servers, hit: str) -> None:
    server = servers.create(hit)
    root = root_of(servers, server)
    root.write()
    source = host_of(servers, server)

    servers.by.compute.resize_server(server.id, 'bigger')
    servers.wait_for(server, 'VERIFY_RESIZE')
    assert root.size_bytes == 2 * GIB

    servers.by.compute.revert_server_resize(server.id)
    servers.wait_for(server)
    assert host_of(servers, server) == source
    assert (root.size_bytes, root.is_written()) == (GIB, True)
    assert root.snapshots() == []
    servers.wait_for_console(server, image.WRITTEN)
    assert servers.volumes(server, HERE) == clone_of(server, hit)


def test_cold_migration(servers: Servers, hit: str) -> None:
    server = servers.create(hit)
    root = root_of(servers, server)
    root.write()
    target = other_than(host_of(servers, server))

    compute: Any = servers.admin.compute
    compute.migrate_server(server.id, host=target)
    servers.wait_for(server, 'VERIFY_RESIZE')
    assert host_of(servers, server) == target
    servers.wait_for_console(server, image.WRITTEN)

    servers.by.compute.confirm_server_resize(server.id)
    servers.wait_for(server)
    assert root.is_written()
    assert root.snapshots() == []
    assert servers.volumes(server, HERE) == clone_of(server, hit)


def test_live_migration(servers: Servers, hit: str) -> None:
    server = servers.create(hit)
    servers.wait_for_console(server, image.WRITTEN)
    root = root_of(servers, server)
    root.write()
    target = other_than(host_of(servers, server))

    compute: Any = servers.admin.compute
    compute.live_migrate_server(server.id, host=target)
    wait.until(
        lambda: host_of(servers, server) == target,
        f'{server.id} on {target}',
        timeout_s=180,
        pause_s=0.5,
    )
    servers.wait_for(server)
    assert root.is_written()
    assert servers.volumes(server, HERE) == clone_of(server, hit)


# -- to the other site -------------------------------------------------------


@pytest.fixture
def there(
    admin_servers: Servers, miss: str, unique: Callable[[str], str]
) -> Any:
    """A server at site B that no zone holds there: the scheduler finds
    nothing but hosts of site A for it."""
    server = begin_at(admin_servers, miss, unique('there'), COMPUTE_THERE)
    admin_servers.wait_for(server)
    admin_servers.wait_for_console(server, image.WRITTEN)
    root_of(admin_servers, server, THERE).write()
    return server


@pytest.fixture
def clusters(site_a: ceph.Cluster, site_b: ceph.Cluster) -> tuple[str, ...]:
    """Both ids, which a reason names."""
    return site_a.fsid, site_b.fsid


def assert_untouched(servers: Servers, server: Any, image_id: str) -> None:
    """It runs where it was, with its disk, and nothing is elsewhere."""
    servers.wait_for(server)
    assert host_of(servers, server) == COMPUTE_THERE
    assert servers.volumes(server, THERE) == clone_of(server, image_id)
    assert servers.volumes(server, HERE) == {}
    assert root_of(servers, server, THERE).is_written()
    libvirt: Any
    with servers.nova.computes[COMPUTE_THERE].libvirt.connect() as libvirt:
        assert libvirt.lookupByUUIDString(server.id).isActive()


def assert_names(said: str, clusters: tuple[str, ...]) -> None:
    for fsid in clusters:
        assert fsid in said


def test_live_migration_refused(
    admin_servers: Servers,
    there: Any,
    miss: str,
    clusters: tuple[str, ...],
) -> None:
    """Who names a host, past the scheduler, is told at once."""
    compute: Any = admin_servers.admin.compute
    with pytest.raises(exceptions.BadRequestException) as caught:
        compute.live_migrate_server(
            there.id, host=COMPUTES_HERE[0], force=True
        )
    assert_names(str(caught.value), clusters)
    assert_untouched(admin_servers, there, miss)


@pytest.mark.parametrize(
    'way', [{'host': COMPUTES_HERE[0]}, {}], ids=['named', 'scheduled']
)
def test_no_host_for_live_migration(
    admin_servers: Servers,
    there: Any,
    miss: str,
    clusters: tuple[str, ...],
    way: dict[str, Any],
) -> None:
    """The scheduler's hosts are gone through, and refuse one by one: Nova
    then says that there is none, and why in the server's events."""
    compute: Any = admin_servers.admin.compute
    with pytest.raises(exceptions.BadRequestException, match='No valid host'):
        compute.live_migrate_server(there.id, **way)
    said = wait_for_failure(admin_servers, there, 'live-migration')
    assert_names(said, clusters)
    assert_untouched(admin_servers, there, miss)


@pytest.mark.parametrize(
    'way', [{'host': COMPUTES_HERE[0]}, {}], ids=['named', 'scheduled']
)
def test_cold_migration_refused(
    admin_servers: Servers,
    there: Any,
    miss: str,
    clusters: tuple[str, ...],
    way: dict[str, Any],
) -> None:
    compute: Any = admin_servers.admin.compute
    compute.migrate_server(there.id, **way)
    said = wait_for_failure(admin_servers, there, 'migrate')
    assert_names(said, clusters)
    assert_untouched(admin_servers, there, miss)


def test_resize_refused(
    admin_servers: Servers,
    there: Any,
    miss: str,
    clusters: tuple[str, ...],
) -> None:
    admin_servers.by.compute.resize_server(there.id, 'bigger')
    said = wait_for_failure(admin_servers, there, 'resize')
    assert_names(said, clusters)
    assert_untouched(admin_servers, there, miss)
    assert root_of(admin_servers, there, THERE).size_bytes == GIB


@pytest.fixture
def dead(admin_servers: Servers, there: Any) -> Iterator[Compute]:
    """The server's host, whose nova-compute is gone; it comes back."""
    compute = admin_servers.nova.computes[COMPUTE_THERE]
    say: Any = admin_servers.admin.compute.update_service_forced_down
    compute.kill()
    say(None, COMPUTE_THERE, 'nova-compute', forced=True)
    yield compute
    say(None, COMPUTE_THERE, 'nova-compute', forced=False)
    compute.start()


@pytest.mark.parametrize(
    'way', [{'host': COMPUTES_HERE[0]}, {}], ids=['named', 'scheduled']
)
def test_evacuation_refused(
    admin_servers: Servers,
    there: Any,
    dead: Compute,
    miss: str,
    clusters: tuple[str, ...],
    way: dict[str, Any],
) -> None:
    """Its disk is where it was; once its host is back, so is the server."""
    compute: Any = admin_servers.admin.compute
    compute.evacuate_server(there.id, **way)
    said = wait_for_failure(admin_servers, there, 'evacuate')
    assert_names(said, clusters)

    compute.update_service_forced_down(
        None, COMPUTE_THERE, 'nova-compute', forced=False
    )
    dead.start()
    compute.reset_server_state(there.id, 'active')
    assert_untouched(admin_servers, there, miss)
