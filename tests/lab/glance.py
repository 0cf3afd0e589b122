# SPDX-License-Identifier: Apache-2.0
"""Glance with three stores and its own defaults for everything that decides
what a caller sees: locations hidden, copy-image for administrators only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab import (
    ceph,
    ini,
    keystone,
    layout,
    service,
    settings,
    sqlite,
    state,
)

CENTRAL = 'central'

#: What Glance's own defaults leave open.
CONF: ini.Sections = {
    'DEFAULT': {
        'use_stderr': 'true',
        'debug': 'true',
        'bind_host': '127.0.0.1',
        'transport_url': 'fake://',
    },
    'paste_deploy': {'flavor': 'keystone'},
}


@dataclass(frozen=True)
class Glance:
    paths: layout.Layout
    state: state.State
    keystone: keystone.Keystone
    clusters: Mapping[str, ceph.Cluster]

    @property
    def home(self) -> Path:
        return self.paths.glance

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='glance',
            module='glance.wsgi.api',
            port=self.state.glance_port,
            home=self.home,
            paths=self.paths,
            environ={'OS_GLANCE_CONFIG_DIR': str(self.home)},
            # A copy that runs is let finish.
            stop_timeout_s=120,
        )

    def make(self) -> None:
        """Everything that needs no other service."""
        conf = self.home / 'glance-api.conf'
        layout.write(conf, ini.text(self.sections()))
        for name in ('central', 'staging', 'tasks', 'locks', 'cache'):
            (self.home / name).mkdir(exist_ok=True)
        manage = ['glance-manage', '--config-file', str(conf)]
        self.service.make_database(
            [*manage, 'db_sync'], [*manage, 'db_load_metadefs']
        )

    def start(self) -> None:
        """Needs the clusters and Keystone: Glance looks at its stores when
        it starts, and leaves out for good one that does not answer."""
        self.service.start()

    def stop(self) -> None:
        self.service.stop()

    def kill(self) -> None:
        """As if its machine had lost power; what it did is left half done."""
        self.service.daemon.kill()

    def sections(self) -> ini.Sections:
        """Its configuration."""
        paste = service.ETC / 'glance' / 'glance-api-paste.ini'
        own: ini.Sections = {
            'DEFAULT': {
                'worker_self_reference_url': self.url,
                'bind_port': str(self.state.glance_port),
                'image_cache_dir': str(self.home / 'cache'),
            },
            'oslo_concurrency': {'lock_path': str(self.home / 'locks')},
            'paste_deploy': {'config_file': str(paste)},
            'keystone_authtoken': self.keystone.authtoken(keystone.GLANCE),
        }
        database = sqlite.conf(self.service.database)
        return ini.merged(CONF, own, self._stores(), database)

    def _stores(self) -> ini.Sections:
        kinds = {CENTRAL: 'file', **dict.fromkeys(self.clusters, 'rbd')}
        files = {
            CENTRAL: 'central',
            'os_glance_staging_store': 'staging',
            'os_glance_tasks_store': 'tasks',
        }
        sections = settings.glance_stores(CENTRAL, kinds)
        for store, directory in files.items():
            sections[store] = settings.glance_file_store(
                directory=str(self.home / directory)
            )
        for site, cluster in self.clusters.items():
            sections[site] = settings.glance_rbd_store(
                ceph_conf=str(cluster.client_conf('glance')),
                user='glance',
                pool='images',
            )
            sections[site]['store_description'] = f'Ceph of {site}'
        sections[CENTRAL]['store_description'] = 'files of the central site'
        return sections
