# SPDX-License-Identifier: Apache-2.0
"""The lab's Nova is what it says it is, and mends itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openstack import connection

from tests.lab import images
from tests.lab.nova.compute import PLUGGED, STOCK, Compute
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers
from tests.lab.nova.state import COMPUTES


def served_by(compute: Compute) -> str:
    """The program that runs as this nova-compute."""
    identity = compute.daemon.identity()
    assert identity is not None
    words = Path(f'/proc/{identity.pid}/cmdline').read_bytes().split(b'\0')
    return Path(words[1].decode()).name


def ignore(line: str) -> None:
    """What nobody needs to read."""


@pytest.fixture
def server(
    servers: Servers,
    lab_images: images.Images,
    demo_glance: Any,
    small_raw: Path,
    unique: Callable[[str], str],
) -> Any:
    """One that runs at site_a."""
    image = lab_images.upload(demo_glance, small_raw, unique('image'))
    return servers.create(image['id'], unique('server'))


@pytest.fixture
def kept_computes(nova_lab: NovaLab) -> Any:
    """The computes are as the lab has them, when the test is over."""
    yield nova_lab.computes
    for compute in nova_lab.computes.values():
        compute.start()


# -- what it consists of ------------------------------------------------------


def test_zones(admin_cloud: connection.Connection) -> None:
    compute: Any = admin_cloud.compute
    found = {
        service.host: service.availability_zone
        for service in compute.services(binary='nova-compute')
    }
    assert found == COMPUTES


@pytest.mark.parametrize('name', COMPUTES)
def test_each_compute_is_a_host_of_its_own(
    nova_lab: NovaLab, name: str
) -> None:
    compute = nova_lab.computes[name]
    assert served_by(compute) == PLUGGED
    with compute.libvirt.connect() as libvirt:
        assert libvirt.getHostname() == name
        capabilities = libvirt.getCapabilities()
        secrets = libvirt.listSecrets()
    assert nova_lab.state.host_uuids[name] in capabilities
    assert secrets == [compute.cluster.state.secret_uuid]


def test_a_server_moves_to_the_other_host(
    servers: Servers, server: Any, demo_cloud: connection.Connection
) -> None:
    """Resized, which takes ssh between hosts, and there it stays."""
    compute: Any = demo_cloud.compute
    before = servers.compute_of(server)
    compute.resize_server(server.id, 'bigger')
    servers.wait_for(server, 'VERIFY_RESIZE')
    after = servers.compute_of(server)
    assert (before.site, after.site) == ('site_a', 'site_a')
    assert before.name != after.name
    assert (after.instances / server.id).is_dir()
    compute.confirm_server_resize(server.id)
    servers.wait_for(server)
    assert not list(before.instances.glob(f'{server.id}*'))


# -- put right ----------------------------------------------------------------


def test_daemons_that_were_killed(
    nova_lab: NovaLab, servers: Servers, server: Any
) -> None:
    killed = [
        nova_lab.rabbitmq.daemon,
        nova_lab.mariadb.daemon,
        nova_lab.api.service.daemon,
        nova_lab.scheduler.daemon,
        nova_lab.computes['compute-b1'].daemon,
    ]
    for daemon in killed:
        daemon.kill()
    assert not nova_lab.running()
    assert nova_lab.up(ignore) == nova_lab
    assert nova_lab.running()
    assert servers.show(server).status == 'ACTIVE'


def test_up_again_leaves_all_as_it_is(nova_lab: NovaLab) -> None:
    before = [daemon.identity() for daemon in nova_lab.daemons()]
    assert nova_lab.up(ignore) == nova_lab
    assert [d.identity() for d in nova_lab.daemons()] == before


# -- computes in other hands --------------------------------------------------


def test_a_compute_with_another_conf(
    nova_lab: NovaLab, kept_computes: dict[str, Compute]
) -> None:
    compute = kept_computes['compute-b1']
    mark = compute.mark_log()
    compute.with_conf({'libvirt': {'images_rbd_pool': 'images'}}).start()
    assert 'libvirt.images_rbd_pool        = images' in mark.text()
    mark = compute.mark_log()
    nova_lab.up(ignore)
    assert 'libvirt.images_rbd_pool        = vms' in mark.text()


def test_a_stock_compute_clones(
    admin_servers: Servers,
    stock: Callable[[str], Compute],
    lab_images: images.Images,
    admin_glance: Any,
    small_raw: Path,
    unique: Callable[[str], str],
) -> None:
    compute = stock('compute-b1')
    assert served_by(compute) == STOCK
    image = lab_images.upload(admin_glance, small_raw, unique('image'))
    server = admin_servers.create(image['id'], unique('server'), zone='site_b')
    assert admin_servers.volumes(server, 'site_b') == {
        f'{server.id}_disk': f'images/{image["id"]}@snap'
    }
