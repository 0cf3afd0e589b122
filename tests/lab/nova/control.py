# SPDX-License-Identifier: Apache-2.0
"""Nova's own services, without its computes: API, conductor, scheduler."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import ini, keystone, layout, process, service
from tests.lab.nova import common, serving

#: Where each host that Nova has keeps its state; see private_mounts.sh.
STATE_PATH = Path('/var/lib/nova')

#: Of every service of Nova's, in seconds.
CONF: ini.Sections = {
    'DEFAULT': {
        'report_interval': '5',
        'service_down_time': str(common.SERVICE_DOWN_S),
        # Seconds from SIGTERM to their end; else up to three minutes.
        'graceful_shutdown_timeout': '6',
        'manager_shutdown_timeout': '3',
        'instance_name_template': 'instance-%08x',
        'osapi_compute_workers': '1',
    },
    'conductor': {'workers': '1'},
    'scheduler': {
        'workers': '1',
        # Of computes that are new; it saves the command for it.
        'discover_hosts_in_cells_interval': '5',
    },
    'quota': {'instances': '-1', 'cores': '-1', 'ram': '-1'},
    'service_user': {'send_service_user_token': 'true'},
}

#: ``nova-manage`` takes these for what each host's own nova.conf says, so
#: that another port later needs no change in the database.
SERVER = '{scheme}://{username}:{password}@{hostname}:{port}'
CELL0 = f'{SERVER}/nova_cell0?{{query}}'
CELL1 = f'{SERVER}/nova?{{query}}'
BROKER = f'{SERVER}/'


def nova_conf(ground: common.Ground, home: Path) -> ini.Sections:
    """What every host's nova.conf says."""
    nova = ground.client(keystone.NOVA)
    clients = dict.fromkeys(('neutron', 'placement', 'service_user'), nova)
    region: ini.Sections = {
        'glance': {'region_name': keystone.REGION},
        'cinder': {'os_region_name': keystone.REGION},
    }
    base = ground.conf(home, keystone.NOVA)
    return ini.merged(base, clients, region, CONF)


@dataclass(frozen=True)
class Control:
    """The services, which share one nova.conf."""

    ground: common.Ground

    @property
    def home(self) -> Path:
        return self.ground.paths.nova / 'control'

    @property
    def conf(self) -> Path:
        return self.home / 'nova.conf'

    @property
    def url(self) -> str:
        """The compute API's."""
        return f'{self.api.service.url}/v2.1'

    @property
    def api(self) -> 'Api':
        return Api(self)

    @property
    def conductor(self) -> 'Worker':
        return Worker(self, 'nova-conductor')

    @property
    def scheduler(self) -> 'Worker':
        return Worker(self, 'nova-scheduler')

    def make(self) -> None:
        """Their configuration and their databases."""
        layout.write(self.conf, self.text())
        paste = service.ETC / 'nova' / 'api-paste.ini'
        layout.write(self.home / 'api-paste.ini', paste.read_text())
        cell1 = ['--name', 'cell1', '--database_connection', CELL1]
        self.api.service.make_once(
            self._manage('api_db', 'sync'),
            self._manage(
                *('cell_v2', 'map_cell0', '--database_connection', CELL0)
            ),
            self._manage('db', 'sync'),
            self._manage(
                *('cell_v2', 'create_cell', '--transport-url', BROKER),
                *cell1,
            ),
        )

    def text(self) -> str:
        """Their nova.conf."""
        mariadb = self.ground.mariadb
        own: ini.Sections = {
            'DEFAULT': {
                'host': 'control',
                'my_ip': '127.0.0.1',
                'state_path': str(self.home),
            },
            'api_database': {'connection': mariadb.url('nova_api')},
            'database': {'connection': mariadb.url('nova')},
        }
        return ini.text(nova_conf(self.ground, self.home), own)

    def _manage(self, *words: str) -> list[str]:
        return ['nova-manage', '--config-file', str(self.conf), *words]


@dataclass(frozen=True)
class Api:
    """nova-api, without the metadata service."""

    control: Control

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='nova-api',
            module='nova.wsgi.osapi_compute',
            port=self.control.ground.port('nova-api'),
            home=self.control.home,
            paths=self.control.ground.paths,
            environ={'OS_NOVA_CONFIG_DIR': str(self.control.home)},
        )

    @property
    def log(self) -> Path:
        return self.service.log

    def daemons(self) -> list[process.Daemon]:
        return [self.service.daemon]

    def start(self) -> None:
        serving.serve(self.service.daemon, self.control.text())
        self.service.wait()

    def stop(self) -> None:
        self.service.stop()

    def down(self) -> None:
        self.stop()

    def kill(self) -> None:
        self.service.daemon.kill()


@dataclass(frozen=True)
class Worker:
    """nova-conductor or nova-scheduler."""

    control: Control
    program: str

    @property
    def daemon(self) -> process.Daemon:
        paths = self.control.ground.paths
        return process.Daemon(
            name=self.program,
            command=program(self.program, self.control.conf),
            pid_file=paths.pids / f'{self.program}.json',
            log=paths.log(self.program),
            stop_timeout_s=60,
        )

    @property
    def log(self) -> Path:
        return self.daemon.log

    def daemons(self) -> list[process.Daemon]:
        return [self.daemon]

    def start(self) -> None:
        """Returns before it serves: what is sent to it meanwhile waits."""
        serving.serve(self.daemon, self.control.text())

    def stop(self) -> None:
        self.daemon.stop()

    def down(self) -> None:
        self.stop()

    def kill(self) -> None:
        self.daemon.kill()


def program(name: str, conf: Path) -> Sequence[str]:
    """A program of Nova's, or ours in its place, with a nova.conf."""
    return [str(service.BIN / name), '--config-file', str(conf)]
