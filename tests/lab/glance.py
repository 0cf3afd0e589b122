# SPDX-License-Identifier: Apache-2.0
"""Glance with three stores and its own defaults for everything that decides
what a caller sees: locations hidden, copy-image for administrators only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab import ceph, keystone, layout, service, sqlite, state

CENTRAL = 'central'

CONF = """\
[DEFAULT]
use_stderr = true
debug = true
enabled_backends = {backends}
worker_self_reference_url = {url}
bind_host = 127.0.0.1
bind_port = {port}
transport_url = fake://
image_cache_dir = {home}/cache
[glance_store]
default_backend = central
[central]
filesystem_store_datadir = {home}/central
store_description = files of the central site
[os_glance_staging_store]
filesystem_store_datadir = {home}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {home}/tasks
[oslo_concurrency]
lock_path = {home}/locks
[paste_deploy]
flavor = keystone
config_file = {paste}
[keystone_authtoken]
auth_type = password
www_authenticate_uri = {auth_url}
service_token_roles_required = true
# One process, restarted with the lab: no cache of tokens to share.
{credentials}
"""

RBD_STORE = """\
[{site}]
rbd_store_ceph_conf = {conf}
rbd_store_user = glance
rbd_store_pool = images
rados_connect_timeout = 15
store_description = Ceph of {site}
"""


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
        layout.write(conf, self._conf())
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

    def _conf(self) -> str:
        credentials = self.keystone.credentials(keystone.GLANCE)
        backends = [f'{CENTRAL}:file']
        backends += [f'{site}:rbd' for site in self.clusters]
        sections = [
            CONF.format(
                backends=', '.join(backends),
                url=self.url,
                port=self.state.glance_port,
                home=self.home,
                paste=service.ETC / 'glance' / 'glance-api-paste.ini',
                auth_url=self.keystone.auth_url,
                credentials='\n'.join(
                    f'{name} = {value}' for name, value in credentials.items()
                ),
            ),
            sqlite.conf(self.service.database),
        ]
        sections += [
            RBD_STORE.format(site=site, conf=cluster.client_conf('glance'))
            for site, cluster in self.clusters.items()
        ]
        return ''.join(sections)
