# SPDX-License-Identifier: Apache-2.0
"""Placement, which Nova's scheduler asks for hosts."""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import ini, keystone, layout, process, service
from tests.lab.nova import common, serving


@dataclass(frozen=True)
class Placement:
    ground: common.Ground

    @property
    def home(self) -> Path:
        return self.ground.paths.nova / 'placement'

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='placement',
            module='placement.wsgi.api',
            port=self.ground.port('placement'),
            home=self.home,
            paths=self.ground.paths,
            environ={'OS_PLACEMENT_CONFIG_DIR': str(self.home)},
        )

    def daemons(self) -> list[process.Daemon]:
        return [self.service.daemon]

    def make(self) -> None:
        """Its configuration and its database."""
        layout.write(self.home / 'placement.conf', self._conf())
        self.service.make_once(
            ['placement-manage', '--config-dir', str(self.home), 'db', 'sync']
        )

    def start(self) -> None:
        serving.serve(self.service.daemon, self._conf())
        self.service.wait()

    def stop(self) -> None:
        self.service.stop()

    def down(self) -> None:
        self.stop()

    def _conf(self) -> str:
        ground = self.ground
        database = ground.mariadb.url('placement')
        own: ini.Sections = {
            'placement_database': {'connection': database},
        }
        return ini.text(ground.conf(self.home, keystone.PLACEMENT), own)
