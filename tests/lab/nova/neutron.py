# SPDX-License-Identifier: Apache-2.0
"""A neutron-server without agents: Nova cannot show a server without one.

It lives in a virtual environment of its own, as its requirements are many
and no other service's.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import ini, keystone, layout, process, service
from tests.lab.nova import common, serving

ENVIRONMENT = layout.CHECKOUT / '.venv-neutron'

CONF: ini.Sections = {
    'DEFAULT': {
        'core_plugin': 'ml2',
        'service_plugins': '',
        'rpc_workers': '0',
        'notify_nova_on_port_status_changes': 'false',
        'notify_nova_on_port_data_changes': 'false',
    },
    'ml2': {
        'type_drivers': 'local',
        'tenant_network_types': 'local',
        'mechanism_drivers': '',
    },
}


@dataclass(frozen=True)
class Neutron:
    ground: common.Ground

    @property
    def home(self) -> Path:
        return self.ground.paths.nova / 'neutron'

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='neutron',
            module='tests.lab.nova.neutron_api',
            port=self.ground.port('neutron'),
            home=self.home,
            paths=self.ground.paths,
            environ={
                'OS_NEUTRON_CONFIG_DIR': str(self.home),
                'OS_NEUTRON_CONFIG_FILES': 'neutron.conf',
            },
            environment=ENVIRONMENT,
        )

    def daemons(self) -> list[process.Daemon]:
        return [self.service.daemon]

    def make(self) -> None:
        """Its configuration and its database."""
        conf = self.home / 'neutron.conf'
        layout.write(conf, self._conf())
        self.service.make_once(
            ['neutron-db-manage', '--config-file', str(conf)]
            + ['upgrade', 'heads']
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
        paste = ENVIRONMENT / 'etc' / 'neutron' / 'api-paste.ini'
        own: ini.Sections = {
            'DEFAULT': {
                'api_paste_config': str(paste),
                'state_path': str(self.home),
            },
            'database': {'connection': ground.mariadb.url('neutron')},
        }
        return ini.text(ground.conf(self.home, keystone.NEUTRON), CONF, own)
