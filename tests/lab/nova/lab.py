# SPDX-License-Identifier: Apache-2.0
"""The lab with a Nova: what that adds, and in which order it comes up."""

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from openstack import connection

from tests.lab import ini, keystone, layout, process, step
from tests.lab import lab as lab_module
from tests.lab.lab import Lab
from tests.lab.nova import cloud, state
from tests.lab.nova.common import Ground
from tests.lab.nova.compute import STOCK, Compute
from tests.lab.nova.control import Api, Control, Worker
from tests.lab.nova.mariadb import Mariadb
from tests.lab.nova.neutron import Neutron
from tests.lab.nova.open_glance import OpenGlance
from tests.lab.nova.placement import Placement
from tests.lab.nova.rabbitmq import Rabbitmq


@dataclass(frozen=True)
class NovaLab:
    """A lab with a Nova, whether it runs or not.

    :ivar computes: by name: ``compute-a1``, ``compute-a2``, ``compute-b1``.
    """

    lab: Lab
    state: state.NovaState
    rabbitmq: Rabbitmq
    mariadb: Mariadb
    placement: Placement
    neutron: Neutron
    control: Control
    computes: dict[str, Compute]
    open_glance: OpenGlance

    @classmethod
    def of(cls, lab: Lab) -> 'NovaLab':
        drawn = state.NovaState.load_or_draw(lab.paths)
        broker = Rabbitmq(lab.paths, drawn)
        database = Mariadb(lab.paths, drawn)
        ground = Ground(lab.paths, drawn, lab.keystone, broker, database)
        return cls(
            lab=lab,
            state=drawn,
            rabbitmq=broker,
            mariadb=database,
            placement=Placement(ground),
            neutron=Neutron(ground),
            control=Control(ground),
            computes={
                name: Compute(name, site, ground, lab.clusters)
                for name, site in state.COMPUTES.items()
            },
            open_glance=OpenGlance(lab.glance, drawn.ports['open-glance']),
        )

    @property
    def api(self) -> Api:
        return self.control.api

    @property
    def conductor(self) -> Worker:
        return self.control.conductor

    @property
    def scheduler(self) -> Worker:
        return self.control.scheduler

    def stock(self, name: str) -> Compute:
        """A compute as Nova's own nova-compute serves it, with a Glance that
        lets it clone: :attr:`open_glance`, which must be started."""
        there: ini.Sections = {
            'glance': {'endpoint_override': self.open_glance.url}
        }
        return self.computes[name].with_program(STOCK).with_conf(there)

    def daemons(self) -> list[process.Daemon]:
        """Those that it adds to the lab's, without what only a test may
        start."""
        return [
            daemon
            for stage in reversed(self._stages())
            for part in stage.values()
            for daemon in part.daemons()
        ]

    def running(self) -> bool:
        """Whether each daemon runs, the lab's among them."""
        return self.lab.running() and all(d.running() for d in self.daemons())

    def connection(self, person: keystone.Person) -> connection.Connection:
        """The cloud as this person has it, in openstacksdk's words."""
        return connection.Connection(
            session=self.lab.keystone.session(person),
            region_name=keystone.REGION,
        )

    # -- up and down ---------------------------------------------------------

    def up(self, say: step.Say = print) -> 'NovaLab':
        """Bring it up with the lab below it, or put right what is not.

        Returns the one that is up: this one, or one on other ports where
        somebody else has taken those of a daemon that did not run.
        """
        with _locked(self.lab.paths), ThreadPoolExecutor(12) as pool:
            steps = step.Steps(pool, say)
            beside = self._on_free_ports()
            databases = pool.submit(beside._make_databases, steps)
            lab = self.lab.up(say)
            databases.result()
            nova = NovaLab.of(lab)
            nova._bring_up(steps)
            return nova

    def down(self, say: step.Say = print) -> None:
        """Stop what :meth:`up` adds to the lab, and the guests."""
        with _locked(self.lab.paths), ThreadPoolExecutor(12) as pool:
            steps = step.Steps(pool, say)
            for stage in self._stages():
                steps.finish(
                    [
                        steps.begin(f'stop {name}', part.down)
                        for name, part in stage.items()
                    ]
                )

    def _on_free_ports(self) -> 'NovaLab':
        daemons = [*self.daemons(), self.open_glance.service.daemon]
        owners = {d.name: d for d in daemons if d.name in state.PORTS}
        stopped = {n for n, d in owners.items() if not d.running()}
        moved = self.state.moved(stopped)
        if moved is self.state:
            return self
        moved.save(self.lab.paths)
        return NovaLab.of(self.lab)

    def _make_databases(self, steps: step.Steps) -> None:
        """All that needs nothing of the lab below."""
        broker = steps.begin('rabbitmq', self.rabbitmq.up)
        steps.finish([steps.begin('mariadb', self.mariadb.up)])
        steps.finish(
            [
                broker,
                steps.begin("neutron's database", self.neutron.make),
                steps.begin("placement's database", self.placement.make),
                steps.begin("nova's databases", self.control.make),
            ]
        )

    def _bring_up(self, steps: step.Steps) -> None:
        # Again: the lab below may have moved to other ports meanwhile.
        for part in (self.neutron, self.placement, self.control):
            part.make()
        self._fill_keystone()
        steps.finish(
            [
                steps.begin('neutron', self.neutron.start),
                steps.begin('placement', self.placement.start),
                steps.begin('nova-api', self.api.start),
                steps.begin('nova-conductor', self.conductor.start),
                steps.begin('nova-scheduler', self.scheduler.start),
            ]
            + [
                steps.begin(f'{name} libvirt', one.prepare)
                for name, one in self.computes.items()
            ]
        )
        steps.finish(
            [
                steps.begin(name, one.start)
                for name, one in self.computes.items()
            ]
        )
        steps.finish([steps.begin('zones and flavors', self._fill_nova)])

    def _fill_keystone(self) -> None:
        self.lab.keystone.fill(
            'filled-nova',
            (keystone.NOVA, keystone.PLACEMENT, keystone.NEUTRON),
            {
                'compute': self.control.url,
                'placement': self.placement.url,
                'network': self.neutron.url,
            },
        )

    def _fill_nova(self) -> None:
        with contextlib.closing(self.connection(keystone.ADMIN)) as admin:
            offered = cloud.Cloud(admin)
            offered.wait_for_services()
            offered.wait_for_hosts()
            offered.fill()

    def _stages(self) -> list[Mapping[str, 'Part']]:
        """What is stopped, in this order: a compute that ends still has
        something to say to the others."""
        return [
            self.computes,
            {
                'nova-api': self.api,
                'nova-scheduler': self.scheduler,
                'neutron': self.neutron,
                'open-glance': self.open_glance,
            },
            {'nova-conductor': self.conductor, 'placement': self.placement},
            {'rabbitmq': self.rabbitmq, 'mariadb': self.mariadb},
        ]


class Part(Protocol):
    """Some daemons of the lab."""

    def daemons(self) -> list[process.Daemon]: ...

    def down(self) -> None: ...


@contextlib.contextmanager
def _locked(paths: layout.Layout) -> Iterator[None]:
    """One ``up`` or ``down`` of a checkout's Nova at a time; the lab below
    has a lock of its own."""
    with lab_module.locked(replace(paths, root=paths.nova)):
        yield
