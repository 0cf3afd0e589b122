# SPDX-License-Identifier: Apache-2.0
"""nova-compute is killed (SIGKILL) while it builds a server, and started
again: no volume without a server, no server without its volume."""

from collections.abc import Callable
from typing import Any

import pytest
from openstack import connection

from tests.functional.copying import HERE, Cloud, Pool
from tests.functional.nova import trouble
from tests.functional.nova.scene import Scene, disk
from tests.lab import image
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers

pytest_plugins = [
    'tests.functional.copy_fixtures',
    'tests.functional.nova.scene_fixtures',
]

#: An image, and how fast its copy is let be, so that it lasts.
COPIED_MIB = 96
COPY_MIB_S = 8


@pytest.mark.parametrize('phase', ['accepted', 'uploading'])
def test_during_copy(nova_lab: NovaLab, scene: Scene, phase: str) -> None:
    image_id = scene.cloud.make(COPIED_MIB)
    with trouble.nothing_left(nova_lab, HERE):
        with scene.cloud.pools[HERE].throttled('write', COPY_MIB_S):
            server = scene.begin(image_id)
            scene.wait_for_copy(image_id, phase)
            scene.compute.kill()
        scene.compute.start()
        assert scene.settled(server).status == 'ERROR'
        assert scene.servers.volumes(server, HERE) == {}
        scene.delete(server)
        # Glance's copy has gone on meanwhile, and is what this one awaits.
        scene.require_next(image_id)
        assert scene.cloud.outcomes(image_id) == ['success']


#: What librbd does, step by step.  A step may pass unseen; the next is as
#: good then.
STAGES = ('listed', 'id', 'header', 'parent', 'whole')


@pytest.mark.parametrize('at', STAGES)
def test_during_clone(nova_lab: NovaLab, scene: Scene, at: str) -> None:
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        print('killed at', scene.freeze_at(server, *from_on(at)))
        scene.compute.kill()
        scene.compute.start()
        assert scene.settled(server).status == 'ERROR'
        scene.delete(server)
        scene.require_next(image_id)


def from_on(stage: str) -> tuple[str, ...]:
    return STAGES[STAGES.index(stage) :]


def test_while_cluster_hangs(nova_lab: NovaLab, scene: Scene) -> None:
    """What the host has asked of the cluster is done, if at all, after the
    host has died."""
    image_id = scene.image_there()
    cluster = scene.compute.cluster
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        scene.freeze_at(server, *STAGES)
        cluster.stop()
        scene.thaw()
        scene.compute.kill()
        cluster.start()
        scene.compute.start()
        assert scene.settled(server).status == 'ERROR'
        scene.delete(server)
        scene.require_next(image_id)


def test_right_after(nova_lab: NovaLab, scene: Scene) -> None:
    """The guest runs, and Nova has not heard of it."""
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        trouble.freeze_when(
            scene.compute.daemon,
            lambda: server.id in trouble.guests(scene.compute),
            f'guest of {server.id}',
        )
        assert scene.servers.show(server).status == 'BUILD'
        scene.compute.kill()
        scene.compute.start()
        if scene.settled(server).status == 'ACTIVE':
            scene.require_sound(server, image_id)
        scene.delete(server)
        scene.require_next(image_id)


def test_deleted_while_it_is_down(
    nova_lab: NovaLab, scene: Scene, admin_cloud: connection.Connection
) -> None:
    """Nova deletes the server without its host, which has its disk still
    when it comes back."""
    image_id = scene.image_there()
    often = '[DEFAULT]\ninstance_delete_interval = 5\n'
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        scene.freeze_at(server, 'whole')
        scene.compute.kill()
        trouble.wait_for_state(admin_cloud, scene.compute.name, 'down')
        scene.delete(server)
        disks = Pool(scene.compute.cluster, trouble.DISKS)
        assert disk(server) in disks.names()
        with trouble.tuned(scene.compute, often):
            trouble.wait_for(
                lambda: disk(server) not in disks.names(),
                f'end of the disk of {server.id}',
            )
            trouble.wait_for_state(admin_cloud, scene.compute.name, 'up')
        scene.require_next(image_id)


@pytest.mark.parametrize('killed', ['compute-a1', 'compute-a2'])
def test_one_of_two_hosts(
    nova_lab: NovaLab,
    cloud: Cloud,
    admin_servers: Servers,
    unique: Callable[[str], str],
    killed: str,
) -> None:
    """Two hosts want the same image; the first has it copied, the second
    waits for that.  Whichever dies, the other goes on."""
    image_id = cloud.make(COPIED_MIB)
    begun: dict[str, Any] = {}
    hosts = ('compute-a1', 'compute-a2')
    with trouble.nothing_left(nova_lab, HERE):
        with cloud.pools[HERE].throttled('write', COPY_MIB_S):
            for host in hosts:
                begun[host] = admin_servers.begin(
                    image_id, unique(host), zone=f'{HERE}:{host}'
                )
                trouble.wait_for_copy(cloud, image_id, 'accepted')
                trouble.wait_for_build(admin_servers, begun[host])
            nova_lab.computes[killed].kill()
        (other,) = set(hosts) - {killed}
        admin_servers.wait_for(begun[other], timeout_s=trouble.LONG_S)
        admin_servers.wait_for_console(begun[other], image.WRITTEN)
        nova_lab.computes[killed].start()
        admin_servers.wait_for(begun[killed], 'ERROR')
        for server in begun.values():
            admin_servers.delete(server, timeout_s=trouble.LONG_S)
    assert cloud.outcomes(image_id) == ['success']


def test_deleted_during_copy(nova_lab: NovaLab, scene: Scene) -> None:
    """Its user deletes a server that awaits a copy: the build ends, and the
    copy goes on for whoever comes next."""
    image_id = scene.cloud.make(COPIED_MIB)
    with trouble.nothing_left(nova_lab, HERE):
        with scene.cloud.pools[HERE].throttled('write', 3):
            server = scene.begin(image_id)
            scene.wait_for_copy(image_id, 'uploading')
            scene.delete(server)
            shown = scene.cloud.show(image_id)
            assert shown['os_glance_import_task'], 'it was waited for'
        scene.require_next(image_id)
    assert scene.cloud.outcomes(image_id) == ['success']
