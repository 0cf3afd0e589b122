# SPDX-License-Identifier: Apache-2.0
"""A server that is built on a known host while something there goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.functional.copying import HERE, Cloud
from tests.functional.nova import trouble
from tests.lab import image, wait
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers


@dataclass(frozen=True)
class Scene:
    """
    :ivar compute: the host of all servers of the site.
    :ivar servers: of a plain member.
    """

    nova: NovaLab
    cloud: Cloud
    compute: Compute
    servers: Servers
    unique: Callable[[str], str]

    def image_there(self, size_mib: int = 16) -> str:
        """Make an image that the site has already."""
        image_id = self.cloud.make(size_mib)
        self.cloud.copy(image_id, HERE)
        self.cloud.wait_until_in(image_id, HERE)
        self.cloud.wait_until_unlocked(image_id)
        return image_id

    def begin(self, image_id: str) -> Any:
        return self.servers.begin(image_id, self.unique('server'))

    def wait_for_copy(self, image_id: str, phase: str) -> None:
        trouble.wait_for_copy(self.cloud, image_id, phase)

    def freeze_at(self, server: Any, *stages: str) -> str:
        """Stop the host as soon as the server's disk is in one of these
        stages; return which."""
        name = disk(server)
        with trouble.opened(self.compute.cluster) as ioctx:
            trouble.freeze_when(
                self.compute.daemon,
                lambda: trouble.stage(ioctx, name) in stages,
                f'disk of {server.id} that is {stages}',
            )
            return trouble.stage(ioctx, name)

    def thaw(self) -> None:
        self.compute.daemon.start()

    def settled(self, server: Any) -> Any:
        """The server, once Nova does nothing more to it."""

        def idle() -> Any:
            now = self.servers.show(server)
            done = now.status in ('ERROR', 'ACTIVE') and not now.task_state
            return done and now

        return wait.until(
            idle,
            f'end of the work on {server.id}',
            timeout_s=trouble.LONG_S,
            pause_s=0.3,
        )

    def fault(self, server: Any) -> str:
        """What its user is told of its end in ERROR."""
        user: Any = self.servers.by.compute
        return str(user.get_server(server.id).fault['message'])

    def require_sound(self, server: Any, image_id: str) -> None:
        """It runs from its clone."""
        self.servers.wait_for(server, timeout_s=trouble.LONG_S)
        self.servers.wait_for_console(server, image.WRITTEN)
        assert self.servers.volumes(server, HERE) == {
            disk(server): f'images/{image_id}@snap'
        }

    def require_end(self, server: Any, image_id: str) -> None:
        """It comes to run, or Nova had no other host to try; it is deleted
        then."""
        if self.settled(server).status == 'ACTIVE':
            self.require_sound(server, image_id)
        else:
            assert 'Exhausted all hosts' in self.fault(server)
        self.delete(server)

    def hard_reboot(self, server: Any) -> None:
        user: Any = self.servers.by.compute
        user.reboot_server(server.id, 'HARD')

    def delete(self, server: Any) -> None:
        """As its user does."""
        user: Any = self.servers.by.compute
        user.delete_server(server.id)
        self.servers.delete(server, timeout_s=trouble.LONG_S)

    def require_next(self, image_id: str) -> None:
        """Another server boots, as if nothing had been."""
        server = self.begin(image_id)
        self.require_sound(server, image_id)
        self.delete(server)


def disk(server: Any) -> str:
    return f'{server.id}_disk'
