# SPDX-License-Identifier: Apache-2.0
"""What a plain member does to a server between its first boot and its end.

``pools_as_before`` says at the end of each test that a deleted server leaves
nothing in the pools.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.copying import Cloud
from tests.functional.nova.life import (
    GIB,
    HERE,
    MIB,
    Disk,
    clone_of,
    root_of,
    wait_for_copy,
)
from tests.lab import image, images
from tests.lab.nova.servers import Servers

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before')


def test_hard_reboot(servers: Servers, hit: str) -> None:
    """What was written stays, and so does the volume."""
    server = servers.create(hit)
    servers.wait_for_console(server, image.WRITTEN)
    root = root_of(servers, server)
    root.write()

    servers.by.compute.reboot_server(server.id, 'HARD')
    servers.wait_for(server)

    servers.wait_for_console(server, image.WRITTEN)
    assert root.is_written()
    marker = root.read(image.MARKER_OFFSET_BYTES, len(image.MARKER))
    assert marker == image.MARKER
    assert servers.volumes(server, HERE) == clone_of(server, hit)


def test_rebuild(
    servers: Servers,
    glance: Cloud,
    hit: str,
    miss: str,
) -> None:
    """A new clone each time: of its own image, and of one that must be
    copied first."""
    server = servers.create(hit)
    root = root_of(servers, server)
    for wanted in (hit, miss):
        root.write()
        servers.by.compute.rebuild_server(server.id, wanted)
        servers.wait_for(server)
        servers.wait_for_console(server, image.WRITTEN)
        assert not root.is_written()
        assert servers.volumes(server, HERE) == clone_of(server, wanted)
    assert glance.outcomes(miss) == ['success']


def test_rescue(servers: Servers, glance: Cloud, hit: str, miss: str) -> None:
    """By its own image, and by one that must be copied first."""
    compute: Any = servers.by.compute
    server = servers.create(hit)
    root = root_of(servers, server)
    root.write()
    for wanted in (hit, miss):
        compute.rescue_server(server.id, image=wanted)
        servers.wait_for(server, 'RESCUE')
        assert servers.volumes(server, HERE) == {
            **clone_of(server, hit),
            f'{server.id}_disk.rescue': f'images/{wanted}@snap',
        }
        servers.wait_for_console(server, image.WRITTEN)

        compute.unrescue_server(server.id)
        servers.wait_for(server)
        assert servers.volumes(server, HERE) == clone_of(server, hit)
        assert root.is_written()
    assert glance.outcomes(miss) == ['success']


def test_shelve(
    servers: Servers,
    lab_images: images.Images,
    demo_glance: Any,
    hit: str,
    unique: Callable[[str], str],
) -> None:
    """While it is shelved its disk is an image of this site's store."""
    compute: Any = servers.by.compute
    server = servers.create(hit, unique('server'))
    root_of(servers, server).write()

    compute.shelve_server(server.id)
    servers.wait_for(server, 'SHELVED_OFFLOADED')
    assert servers.volumes(server, HERE) == {}
    (shelved,) = demo_glance.images.list(
        filters={'name': f'{server.name}-shelved'}
    )
    lab_images.made.append(shelved['id'])
    assert images.stores(shelved) == {HERE}

    compute.unshelve_server(server.id)
    servers.wait_for(server)
    servers.wait_for_console(server, image.WRITTEN)
    assert root_of(servers, server).is_written()
    # Nova makes it independent of the image, and deletes that.
    assert servers.volumes(server, HERE) == {f'{server.id}_disk': ''}
    assert shelved['id'] not in {
        one['id'] for one in demo_glance.images.list()
    }


def test_ephemeral_swap_and_config_drive(servers: Servers, miss: str) -> None:
    server = servers.create(miss, flavor='disks', config_drive=True)

    volumes = servers.volumes(server, HERE)
    others = dict.fromkeys(
        (f'{server.id}_disk.{word}' for word in ('eph0', 'swap', 'config')), ''
    )
    assert volumes == {**clone_of(server, miss), **others}
    sizes = {
        name.rpartition('_')[2]: Disk(
            servers.nova.lab.clusters[HERE], name
        ).size_bytes
        for name in volumes
    }
    config_bytes = sizes.pop('disk.config')
    assert 0 < config_bytes <= 64 * MIB
    assert sizes == {
        'disk': GIB,
        'disk.eph0': GIB,
        'disk.swap': 64 * MIB,
    }
    servers.wait_for_console(server, image.WRITTEN)

    # All of them outlive a new start.
    servers.by.compute.reboot_server(server.id, 'HARD')
    servers.wait_for(server)
    servers.wait_for_console(server, image.WRITTEN)
    assert servers.volumes(server, HERE) == volumes

    servers.delete(server)
    assert servers.volumes(server, HERE) == {}


def test_deleted_while_it_waits(
    servers: Servers, glance: Cloud, here: Any, miss: str
) -> None:
    """The build ends, and leaves nothing; Glance goes on with the copy."""
    with here.throttled('write', 1):
        server = servers.begin(miss)
        wait_for_copy(glance, miss)
        servers.delete(server)
        assert servers.volumes(server, HERE) == {}
        assert glance.show(miss)['os_glance_import_task']
    assert glance.outcomes(miss) == ['success']
