# SPDX-License-Identifier: Apache-2.0
"""The whole lab: what it consists of, in which order it comes up, and what it
leaves in ``.lab/`` for people and for the command line."""

import contextlib
import fcntl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab import (
    ceph,
    glance,
    image,
    keystone,
    layout,
    process,
    step,
    virt,
)
from tests.lab import state as lab_state

SITE_CONF = """\
# Written by the lab; for rbd-multistore --config-file.
[rbd_multistore]
glance_store_name = {site}
libvirt_uri = {uri}
libvirt_pool = {pool}
auth_type = password
region_name = {region}
"""


@dataclass(frozen=True)
class Lab:
    """A lab, whether it runs or not."""

    paths: layout.Layout
    state: lab_state.State
    clusters: dict[str, ceph.Cluster]
    keystone: keystone.Keystone
    glance: glance.Glance
    libvirt: virt.Libvirt

    @classmethod
    def of(cls, paths: layout.Layout) -> 'Lab':
        state = lab_state.State.load_or_draw(paths)
        clusters = {
            name: ceph.Cluster(name, paths, site)
            for name, site in state.sites.items()
        }
        identity = keystone.Keystone(paths, state)
        return cls(
            paths=paths,
            state=state,
            clusters=clusters,
            keystone=identity,
            glance=glance.Glance(paths, state, identity, clusters),
            libvirt=virt.Libvirt(paths, clusters),
        )

    def daemons(self) -> list[process.Daemon]:
        return [
            *(
                daemon
                for cluster in self.clusters.values()
                for daemon in cluster.daemons()
            ),
            self.keystone.service.daemon,
            self.glance.service.daemon,
            *self.libvirt.daemons(),
        ]

    def running(self) -> bool:
        """Whether each of its daemons runs."""
        return all(daemon.running() for daemon in self.daemons())

    def up(self, say: step.Say = print) -> 'Lab':
        """Bring it up, or put right what is not.

        Returns the lab that is up: this one, or one on other ports where
        somebody else has taken those of a daemon that did not run.
        """
        with locked(self.paths):
            lab = self._on_free_ports()
            lab._bring_up(say)
            return lab

    def _on_free_ports(self) -> 'Lab':
        owners = {
            'keystone': self.keystone.service.daemon,
            'glance': self.glance.service.daemon,
            **{n: site.daemon('mon') for n, site in self.clusters.items()},
        }
        stopped = {n for n, d in owners.items() if not d.running()}
        state = lab_state.moved(self.state, stopped)
        if state is self.state:
            return self
        state.save(self.paths)
        # They know the old addresses.
        for daemon in self.daemons():
            daemon.stop()
        return Lab.of(self.paths)

    def _bring_up(self, say: step.Say) -> None:
        with ThreadPoolExecutor(8) as pool:
            steps = step.Steps(pool, say)
            made = steps.begin("glance's database", self.glance.make)
            before_glance = [made] + [
                steps.begin(f'ceph {name}', cluster.up)
                for name, cluster in self.clusters.items()
            ]
            before_glance.append(steps.begin('keystone', self._keystone_up))
            others = [
                steps.begin('libvirt', self.libvirt.up),
                steps.begin('bootable image', self._make_image),
            ]
            steps.finish(before_glance)
            steps.finish([steps.begin('glance', self.glance.start)])
            steps.finish(others)
            self._write_files()

    def down(self, say: step.Say = print) -> None:
        """Stop what :meth:`up` has started, and nothing else."""
        with locked(self.paths), ThreadPoolExecutor(8) as pool:
            steps = step.Steps(pool, say)
            # Glance first: a copy that runs needs its clusters to end well.
            steps.finish([steps.begin('stop glance', self.glance.stop)])
            steps.finish(
                [
                    steps.begin('stop keystone', self.keystone.service.stop),
                    steps.begin('stop libvirt', self.libvirt.down),
                ]
                + [
                    steps.begin(f'stop ceph {name}', cluster.down)
                    for name, cluster in self.clusters.items()
                ]
            )
            self.paths.remove_socket_link()

    def _keystone_up(self) -> None:
        self.keystone.up({'image': self.glance.url})

    def _make_image(self) -> None:
        image.make(self.paths.image)

    def _write_files(self) -> None:
        for person in (keystone.ADMIN, keystone.DEMO):
            layout.write(
                self.paths.openrc(person.user),
                keystone.openrc(self.keystone.credentials(person)),
            )
        credentials = self.keystone.credentials(keystone.SERVICE)
        for site in self.clusters:
            text = SITE_CONF.format(
                site=site,
                uri=self.libvirt.uri,
                pool=virt.pool_name(site),
                region=keystone.REGION,
            )
            text += ''.join(f'{k} = {v}\n' for k, v in credentials.items())
            layout.write(self.paths.site_conf(site), text)


@contextlib.contextmanager
def locked(paths: layout.Layout) -> Iterator[None]:
    """One ``up`` or ``down`` of a checkout at a time."""
    paths.root.mkdir(parents=True, exist_ok=True)
    paths.root.chmod(0o700)
    with paths.lock.open('w') as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
