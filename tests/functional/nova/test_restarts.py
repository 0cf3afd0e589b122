# SPDX-License-Identifier: Apache-2.0
"""What nova-compute needs is restarted, or away for a while: it goes on
without being restarted itself."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.copying import HERE
from tests.functional.nova import trouble
from tests.functional.nova.scene import Scene
from tests.lab.nova.lab import NovaLab

pytest_plugins = [
    'tests.functional.copy_fixtures',
    'tests.functional.nova.scene_fixtures',
]

#: An image, and how fast its copy is let be, so that it lasts.
COPIED_MIB = 96
COPY_MIB_S = 8


def restart_rabbitmq(scene: Scene) -> None:
    scene.nova.rabbitmq.kill()
    scene.nova.rabbitmq.start()


def restart_libvirtd(scene: Scene) -> None:
    libvirt = scene.compute.libvirt
    _virtlogd, libvirtd = libvirt.daemons()
    libvirtd.kill()
    libvirt.up()


def restart_mon(scene: Scene) -> None:
    cluster = scene.compute.cluster
    cluster.daemon('mon').kill()
    cluster.start()


def restart_glance(scene: Scene) -> None:
    scene.cloud.kill()
    scene.cloud.start()


#: What a host goes on after, as if nothing had been.
PASSING = [restart_libvirtd, restart_mon]


@pytest.mark.parametrize('restart', [*PASSING, restart_rabbitmq])
def test_during_copy(
    nova_lab: NovaLab, scene: Scene, restart: Callable[[Scene], None]
) -> None:
    image_id = scene.cloud.make(COPIED_MIB)
    with trouble.nothing_left(nova_lab, HERE):
        with scene.cloud.pools[HERE].throttled('write', COPY_MIB_S):
            server = scene.begin(image_id)
            scene.wait_for_copy(image_id, 'uploading')
            restart(scene)
        scene.require_sound(server, image_id)
        scene.delete(server)
        scene.require_next(image_id)


@pytest.mark.parametrize('restart', [*PASSING, restart_glance])
def test_during_clone(
    nova_lab: NovaLab, scene: Scene, restart: Callable[[Scene], None]
) -> None:
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        server = frozen_in_clone(scene, image_id)
        restart(scene)
        scene.thaw()
        scene.require_sound(server, image_id)
        scene.delete(server)
        scene.require_next(image_id)


def test_rabbitmq_during_clone(nova_lab: NovaLab, scene: Scene) -> None:
    """An answer of the conductor's may be lost with the broker: Nova tries
    another host then."""
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        server = frozen_in_clone(scene, image_id)
        restart_rabbitmq(scene)
        scene.thaw()
        scene.require_end(server, image_id)
        scene.require_next(image_id)


def frozen_in_clone(scene: Scene, image_id: str) -> Any:
    """Begin a server, and stop its host while it makes the disk."""
    server = scene.begin(image_id)
    scene.freeze_at(server, 'listed', 'id', 'header', 'parent', 'whole')
    return server


def test_glance_dies_during_copy(nova_lab: NovaLab, scene: Scene) -> None:
    """Nobody goes on with that copy; its user is told so."""
    image_id = scene.cloud.make(COPIED_MIB)
    patience = '[rbd_multistore]\ncopy_stall_timeout = 10\n'
    with (
        trouble.nothing_left(nova_lab, HERE),
        trouble.tuned(scene.compute, patience),
    ):
        with scene.cloud.pools[HERE].throttled('write', COPY_MIB_S):
            server = scene.begin(image_id)
            scene.wait_for_copy(image_id, 'uploading')
            restart_glance(scene)
        assert scene.settled(server).status == 'ERROR'
        assert 'has not moved for 10 s' in scene.fault(server)
        scene.delete(server)
        scene.require_next(scene.cloud.make(16))


def test_glance_stops_during_copy(nova_lab: NovaLab, scene: Scene) -> None:
    """As an operator stops it: the copy is let end."""
    image_id = scene.cloud.make(COPIED_MIB)
    with trouble.nothing_left(nova_lab, HERE):
        with scene.cloud.pools[HERE].throttled('write', COPY_MIB_S):
            server = scene.begin(image_id)
            scene.wait_for_copy(image_id, 'uploading')
            nova_lab.lab.glance.stop()
        nova_lab.lab.glance.start()
        scene.require_sound(server, image_id)
        scene.delete(server)
        scene.require_next(image_id)


@pytest.mark.parametrize('kind', ['hit', 'miss'])
def test_glance_is_away(nova_lab: NovaLab, scene: Scene, kind: str) -> None:
    """It is away when the host asks for the image, and comes back."""
    image_id = scene.image_there() if kind == 'hit' else scene.cloud.make(16)
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        trouble.freeze_when(
            scene.compute.daemon,
            lambda: scene.servers.show(server).task_state == 'spawning',
            f'build of {server.id}',
        )
        scene.cloud.kill()
        scene.thaw()
        scene.cloud.start()
        scene.require_end(server, image_id)
        scene.require_next(image_id)


RESOURCES = 'Final resource view: '


def test_compute_restarted(nova_lab: NovaLab, scene: Scene) -> None:
    """Its servers go on, and so do its periodic tasks."""
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        server = scene.begin(image_id)
        scene.require_sound(server, image_id)
        mark = scene.compute.mark_log()
        scene.compute.restart()
        trouble.wait_for(lambda: RESOURCES in mark.text(), 'resource update')
        scene.require_sound(server, image_id)
        scene.hard_reboot(server)
        scene.require_sound(server, image_id)
        scene.delete(server)
        scene.require_next(image_id)


FAILED_UPDATE = 'Error updating resources for node '


def test_cluster_away(nova_lab: NovaLab, scene: Scene) -> None:
    """For a minute and more, while nobody wants anything."""
    image_id = scene.image_there()
    often = '[DEFAULT]\nupdate_resources_interval = 5\n'
    with (
        trouble.nothing_left(nova_lab, HERE),
        trouble.tuned(scene.compute, often),
    ):
        server = scene.begin(image_id)
        scene.require_sound(server, image_id)
        mark = scene.compute.mark_log()
        scene.compute.cluster.stop()
        try:
            trouble.wait_for(
                lambda: mark.text().count(FAILED_UPDATE) >= 2,
                'second failed update',
            )
            said = mark.text()
        finally:
            scene.compute.cluster.start()
        failed = [line for line in said.splitlines() if FAILED_UPDATE in line]
        assert all('Storage error: ' in line for line in failed)
        # Nova adds none where it is told that this is nothing of its own.
        assert 'Traceback' not in said
        mark = scene.compute.mark_log()
        trouble.wait_for(lambda: RESOURCES in mark.text(), 'resource update')
        scene.delete(server)
        scene.require_next(image_id)


def test_nothing_leaks(nova_lab: NovaLab, scene: Scene) -> None:
    """Threads, files and connections of nova-compute over fifty servers,
    after ten.  Nova's own pool has a thread for each of 64 requests first."""
    image_id = scene.image_there()
    with trouble.nothing_left(nova_lab, HERE):
        seen = []
        for _ in range(6):
            made = [scene.begin(image_id) for _ in range(10)]
            for server in made:
                scene.servers.wait_for(server, timeout_s=trouble.LONG_S)
            for server in made:
                scene.servers.delete(server, timeout_s=trouble.LONG_S)
            seen.append(trouble.Held.by(scene.compute.daemon))
            print(seen[-1])
    first, _, _, filled, _, last = seen
    assert last.of_libraries <= first.of_libraries + 4
    assert last.threads <= filled.threads + 10
    assert last.files <= first.files + 10
    assert last.connections.keys() <= first.connections.keys()
    for port, there in last.connections.items():
        assert there <= first.connections[port] + 4
