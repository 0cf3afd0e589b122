# SPDX-License-Identifier: Apache-2.0
"""An image that no clone can be made of: downloaded once for a site where
that is let, and refused for a reason where it is not.  And a base file that a
host has does not keep it from cloning."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack import connection

from tests.functional.copying import Cloud
from tests.functional.nova.life import (
    COMPUTES_HERE,
    HERE,
    base_files,
    cache_on_hosts,
    clone_of,
    configured,
    downloads,
    fault_of,
    hosts_tried,
)
from tests.lab import ceph, image, images, inventory, wait
from tests.lab.nova.servers import POOL, Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')


@pytest.fixture
def qcow2(
    lab_images: images.Images,
    demo_glance: Any,
    small_qcow2: Path,
    unique: Callable[[str], str],
) -> str:
    """The id of an image of demo's that cannot be cloned."""
    made = lab_images.upload(
        demo_glance, small_qcow2, unique('image'), disk_format='qcow2'
    )
    return str(made['id'])


@pytest.fixture
def apart(
    demo_cloud: connection.Connection, unique: Callable[[str], str]
) -> Iterator[dict[str, str]]:
    """The hint that has servers on different hosts."""
    compute: Any = demo_cloud.compute
    group = compute.create_server_group(
        name=unique('group'), policy='anti-affinity'
    )
    yield {'group': group.id}
    compute.delete_server_group(group)


def test_refused(servers: Servers, qcow2: str) -> None:
    """``never_download_image_if_on_rbd`` is on, as the lab has it."""
    server = servers.begin(qcow2)
    servers.wait_for(server, 'ERROR')
    said = fault_of(servers, server)
    assert qcow2 in said
    assert 'qcow2' in said
    assert len(hosts_tried(servers, server)) == 1
    assert servers.volumes(server, HERE) == {}


def test_downloaded_once(
    servers: Servers,
    glance: Cloud,
    site_a: ceph.Cluster,
    qcow2: str,
    apart: dict[str, str],
    unique: Callable[[str], str],
) -> None:
    """The second host clones what the first one has downloaded; when no
    server uses it any more, it goes."""
    computes = [servers.nova.computes[name] for name in COMPUTES_HERE]
    cached = f'rbd-multistore-cache_{qcow2}'
    log = glance.lab.glance.service.mark_log()
    with configured(
        *computes,
        workarounds={'never_download_image_if_on_rbd': 'false'},
        image_cache={
            'manager_interval': '5',
            'remove_unused_original_minimum_age_seconds': '1',
        },
    ):
        hosts = set()
        for word in ('first', 'second'):
            server = servers.create(qcow2, unique(word), scheduler_hints=apart)
            servers.wait_for_console(server, image.WRITTEN)
            assert servers.volumes(server, HERE) == {
                f'{server.id}_disk': f'{POOL}/{cached}@whole'
            }
            hosts.add(servers.show(server).compute_host)
            assert downloads(log, qcow2) == 1
        assert hosts == set(COMPUTES_HERE)

        servers.delete_all()
        wait.until(
            lambda: f'{POOL}/{cached}' not in inventory.take(site_a),
            f'end of {cached}',
        )


def test_base_file_on_the_host(
    servers: Servers, admin_cloud: connection.Connection, hit: str
) -> None:
    """An aggregate's cache is filled with the image, and it is cloned."""
    cache_on_hosts(servers, HERE, hit)
    server = servers.create(hit)
    assert base_files(servers.compute_of(server), hit)
    assert servers.volumes(server, HERE) == clone_of(server, hit)
