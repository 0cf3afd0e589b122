# SPDX-License-Identifier: Apache-2.0
"""A server that waits for a copy shows how far it is; where there will be no
copy it says why, and no other host is asked to fail alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.copying import Cloud, Pool
from tests.functional.nova.life import (
    COMPUTES_HERE,
    HERE,
    clone_of,
    configured,
    fault_of,
    hosts_tried,
    wait_for_copy,
)
from tests.lab import images, keystone, wait
from tests.lab.nova.servers import Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')

#: MiB of the image that is awaited, and MiB a second of its copy.
SIZE = 256
SLOW = 5


def test_progress(
    servers: Servers,
    glance: Cloud,
    here: Pool,
    lab_images: images.Images,
    demo_glance: Any,
    bootable: Path,
    unique: Callable[[str], str],
) -> None:
    awaited = lab_images.upload(demo_glance, bootable, unique('image'))['id']
    logs = [servers.nova.computes[name].mark_log() for name in COMPUTES_HERE]
    with here.throttled('write', SLOW):
        server = servers.begin(awaited)
        shown = percents_while_it_waits(servers, server)
        servers.wait_for(server)

    # It grows, is never at an end, and is gone once it is.
    assert shown == sorted(shown)
    assert len(set(shown)) >= 3
    assert 0 < shown[-1] < 100
    assert servers.by.compute.get_server(server.id).progress in (0, None)

    line = f'Waiting for image {awaited} in store {HERE}: '
    said = [
        found
        for log in logs
        for found in log.text().splitlines()
        if line in found
    ]
    assert said
    assert all(server.id in found for found in said)
    assert any(f'of {SIZE} MiB' in found for found in said)


def percents_while_it_waits(servers: Servers, server: Any) -> list[int]:
    """What its owner is shown, each time that it is something else."""
    shown: list[int] = []

    def waited() -> bool:
        now = servers.by.compute.get_server(server.id)
        builds = bool(now.status == 'BUILD')
        if builds and now.progress and [now.progress] != shown[-1:]:
            shown.append(now.progress)
        return not builds

    wait.until(waited, f'end of {server.id}', timeout_s=400, pause_s=1)
    return shown


# -- what cannot be ----------------------------------------------------------


def assert_ends_on_one_host(servers: Servers, server: Any) -> str:
    """It comes to ERROR where it was begun; return what its owner reads."""
    servers.wait_for(server, 'ERROR')
    assert len(hosts_tried(servers, server)) == 1
    assert servers.volumes(server, HERE) == {}
    return fault_of(servers, server)


def test_deactivated_meanwhile(
    servers: Servers, glance: Cloud, here: Pool, miss: str
) -> None:
    with here.throttled('write', 1):
        server = servers.begin(miss)
        wait_for_copy(glance, miss)
        glance.deactivate(miss)
        said = assert_ends_on_one_host(servers, server)
    assert miss in said
    assert 'deactivated' in said
    glance.wait_until_unlocked(miss)


def test_deleted_meanwhile(
    servers: Servers, glance: Cloud, here: Pool, miss: str
) -> None:
    with here.throttled('write', 1):
        server = servers.begin(miss)
        wait_for_copy(glance, miss)
        glance.delete(miss)
        said = assert_ends_on_one_host(servers, server)
    assert miss in said
    assert 'not found' in said
    # What Glance then leaves is Glance's to remove.
    wait.until(lambda: miss not in here.names(), f'end of images/{miss}')


def test_no_credentials(servers: Servers, miss: str) -> None:
    """A member may neither have an image copied nor read its locations."""
    nobody = {'auth_type': '', 'send_service_user_token': 'false'}
    computes = [servers.nova.computes[name] for name in COMPUTES_HERE]
    with configured(*computes, service_user=nobody):
        server = servers.begin(miss)
        said = assert_ends_on_one_host(servers, server)
    assert miss in said
    assert 'policy copy_image' in said


def test_service_user_may_not_copy(servers: Servers, miss: str) -> None:
    """Credentials that are somebody's, but may do nothing more."""
    known = servers.nova.lab.keystone.credentials(keystone.DEMO)
    member = {'auth_type': 'password', **known}
    computes = [servers.nova.computes[name] for name in COMPUTES_HERE]
    with configured(*computes, rbd_multistore=member):
        server = servers.begin(miss)
        said = assert_ends_on_one_host(servers, server)
    assert miss in said
    assert 'policy copy_image' in said


def test_once_more(servers: Servers, glance: Cloud, miss: str) -> None:
    """After the trouble of others the same hosts serve as before."""
    server = servers.create(miss)
    assert servers.volumes(server, HERE) == clone_of(server, miss)
    assert glance.outcomes(miss) == ['success']
