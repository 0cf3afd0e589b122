# SPDX-License-Identifier: Apache-2.0
"""Many servers that want the same image at the same moment: it is copied
once, and all of them get it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openstack import connection

from tests.functional.copying import Cloud, Pool
from tests.functional.nova.life import (
    COMPUTES_HERE,
    HERE,
    begin_many,
    clone_of,
)
from tests.lab.nova.servers import Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')

#: MiB a second of a copy that is to last a few seconds: until each of the
#: servers waits for it.
SLOW = 4


def assert_one_copy_for(
    glance: Cloud, servers: Servers, made: list[Any], image: str
) -> None:
    for server in made:
        servers.wait_for(server)
        assert servers.volumes(server, HERE) == clone_of(server, image)
    assert glance.outcomes(image) == ['success']


def test_eight_in_one_request(
    servers: Servers,
    glance: Cloud,
    here: Pool,
    miss: str,
    unique: Callable[[str], str],
) -> None:
    with here.throttled('write', SLOW):
        made = begin_many(servers, miss, unique('eight'), 8)
        assert_one_copy_for(glance, servers, made, miss)
    hosts = {servers.show(server).compute_host for server in made}
    assert hosts == set(COMPUTES_HERE)


def test_one_on_each_host(
    admin_servers: Servers,
    glance: Cloud,
    here: Pool,
    miss: str,
    unique: Callable[[str], str],
) -> None:
    def begin(host: str) -> Any:
        return admin_servers.begin(miss, unique(host), zone=f'{HERE}:{host}')

    with here.throttled('write', SLOW), ThreadPoolExecutor() as pool:
        made = list(pool.map(begin, COMPUTES_HERE))
        assert_one_copy_for(glance, admin_servers, made, miss)


def test_kept_apart_for_a_member(
    servers: Servers,
    demo_cloud: connection.Connection,
    glance: Cloud,
    here: Pool,
    miss: str,
    unique: Callable[[str], str],
) -> None:
    """Who may choose no host has them on different ones, all the same."""
    compute: Any = demo_cloud.compute
    group = compute.create_server_group(
        name=unique('group'), policy='anti-affinity'
    )
    try:
        with here.throttled('write', SLOW):
            made = begin_many(
                servers,
                miss,
                unique('apart'),
                2,
                scheduler_hints={'group': group.id},
            )
            assert_one_copy_for(glance, servers, made, miss)
        hosts = [servers.show(server).compute_host for server in made]
        assert sorted(hosts) == list(COMPUTES_HERE)
    finally:
        compute.delete_server_group(group)
