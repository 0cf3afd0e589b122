# SPDX-License-Identifier: Apache-2.0
"""What the DevStack plugin writes, read by a Glance and by our program.

DevStack itself needs a machine of its own. Here its functions are those of
``tests/unit/devstack``, and Keystone, Ceph and libvirt the lab's. Glance is
one more, with the files that the plugin wrote.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import socket
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glanceclient
import pytest
import yaml
from keystoneauth1 import session as ks_session

from tests.functional.main_job import test_roles
from tests.functional.main_job.conftest import (  # noqa: F401
    demo_environ,
    disks,
    disks_a,
)
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.lab import ceph, keystone, service, wait
from tests.lab.images import stores
from tests.lab.lab import Lab
from tests.unit.devstack import stack

NAME = 'glance-devstack'
PREPARE = ('override-defaults', 'settings')
DEFAULT_IMAGE = 'cirros-0.6.3-x86_64-disk'
SITE, OTHER_SITE = 'site_a', 'site_b'
LABS_STORES = ('central', SITE, OTHER_SITE)


@dataclass(frozen=True)
class Cloud:
    """A cloud whose Glance and Nova the plugin has configured.

    :ivar environ: where the openstack command finds its clouds
    """

    node: stack.Node
    demo: Any
    admin: Any
    environ: dict[str, str]

    def run(self, phase: str) -> stack.Outcome:
        """Run a phase with the real programs in reach."""
        return self.node.run(*PREPARE, phase, **self.environ)

    def openstack(self, *words: str) -> str:
        """Run the openstack command as DevStack does."""
        program = service.BIN / 'openstack'
        done = subprocess.run(
            [program, '--os-cloud', 'devstack-admin', *words],
            env={**_without_cloud(), **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def active(self, image_id: str) -> Any:
        """Wait for an image to be whole; return its record."""

        def ready() -> Any:
            record = self.admin.images.get(image_id)
            assert not record.get('os_glance_failed_import'), record
            busy = record.get('os_glance_import_task')
            return record['status'] == 'active' and not busy and record

        return wait.until(ready, f'image {image_id}')


def _without_cloud() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k[:3] != 'OS_'}


@pytest.fixture(scope='module', params=['file', 'rbd'])
def cloud(
    request: pytest.FixtureRequest,
    lab: Lab,
    admin_session: ks_session.Session,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cloud]:
    """The cloud, with uploads to files or to another cluster."""
    home = tmp_path_factory.mktemp('devstack')
    user, password = f'devstack-{uuid.uuid4()}', uuid.uuid4().hex
    url = f'http://127.0.0.1:{_free_port()}'
    node = stack.Node(
        home,
        settings={
            **_settings(lab, home, request.param),
            'RBD_MULTISTORE_USER': user,
            'SERVICE_PASSWORD': password,
        },
    )
    _let_it_run_real_programs(node)
    _configure_as_devstack(lab, node, url)
    with test_roles._user(admin_session, user, password):
        configured = node.run(
            *PREPARE, 'stack post-config', 'start-nova-compute'
        )
        assert configured.status == 0, configured.said
        with (
            _serving(lab, node, url),
            _client(lab, keystone.DEMO, url) as demo,
            _client(lab, keystone.ADMIN, url) as admin,
        ):
            yield Cloud(node, demo, admin, _clouds(lab, home, url))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def _client(lab: Lab, person: keystone.Person, url: str) -> Iterator[Any]:
    """A client whose connections are closed before Glance is stopped, which
    would wait for them."""
    session = lab.keystone.session(person)
    yield glanceclient.Client('2', session=session, endpoint_override=url)
    session.session.close()


def _settings(lab: Lab, home: Path, kind: str) -> dict[str, str]:
    """What DevStack and devstack-plugin-ceph would have found or made."""
    first, second = (lab.clusters[site] for site in (SITE, OTHER_SITE))
    return {
        'RBD_MULTISTORE_CENTRAL_KIND': kind,
        'MULTI_CEPH': str(kind == 'rbd'),
        'CEPH_CONF_FILE': str(_ceph_conf(home, first, 'glance', 'nova')),
        'CEPH2_CONF_FILE': str(_second_ceph_conf(home, second)),
        'CEPH2_CONF_DIR': str(home / 'ceph2'),
        'CINDER_CEPH_USER': 'nova',
        'CINDER_CEPH_UUID': first.state.secret_uuid,
        'DEFAULT_IMAGE_NAME': DEFAULT_IMAGE,
        'KEYSTONE_SERVICE_URI': lab.keystone.auth_url,
        'NOVA_BIN_DIR': str(service.BIN),
        'REGION_NAME': keystone.REGION,
    }


def _ceph_conf(home: Path, cluster: ceph.Cluster, *users: str) -> Path:
    """A ceph.conf, and keyrings where it says."""
    lines = ['[global]', f'mon_host = {cluster.mon_host}']
    for user in users:
        keyring = _keyring(home, cluster, user)
        lines += [f'[client.{user}]', f'keyring = {keyring}']
    path = home / 'ceph.conf'
    path.write_text('\n'.join(lines) + '\n')
    return path


def _second_ceph_conf(home: Path, cluster: ceph.Cluster) -> Path:
    """One that names no keyring, as devstack-plugin-ceph leaves it."""
    directory = home / 'ceph2'
    directory.mkdir()
    _keyring(directory, cluster, 'glance')
    return _ceph_conf(directory, cluster)


def _keyring(directory: Path, cluster: ceph.Cluster, user: str) -> Path:
    name = f'client.{user}'
    path = directory / f'ceph.{name}.keyring'
    path.write_text(f'[{name}]\nkey = {cluster.state.keys[name]}\n')
    return path


def _let_it_run_real_programs(node: stack.Node) -> None:
    directory = node.home / 'bin'
    (directory / 'env').symlink_to('/usr/bin/env')
    (directory / 'openstack').unlink()
    (directory / 'openstack').symlink_to(service.BIN / 'openstack')
    # There is one user, who need not be root.
    (directory / 'runuser').write_text('#!/bin/sh\nshift 3\nexec "$@"\n')


def _configure_as_devstack(lab: Lab, node: stack.Node, url: str) -> None:
    """Write what others write before our phase, with the lab's addresses."""
    node.configure_services()
    conf = _parser()
    conf.read(lab.glance.home / 'glance-api.conf')
    for section in (*LABS_STORES, 'glance_store', 'os_glance_staging_store'):
        conf.remove_section(section)
    conf['DEFAULT'].update(
        enabled_backends='robust_rbd:rbd,fast:file',
        show_multiple_locations='True',
        worker_self_reference_url=url,
        bind_port=url.rpartition(':')[2],
        image_cache_dir=str(node.home / 'cache'),
    )
    conf['oslo_concurrency']['lock_path'] = str(node.home / 'locks')
    database = node.home / f'{NAME}.sqlite'
    _copy_database(lab.glance.service.database, database)
    conf['database']['connection'] = conf['database']['connection'].replace(
        str(lab.glance.service.database), str(database)
    )
    with node.glance_api_conf.open('w') as stream:
        conf.write(stream)
    node.nova_conf.write_text(
        '[DEFAULT]\ndebug = True\n'
        f'[libvirt]\nconnection_uri = {lab.libvirt.uri}\n'
        f'[rbd_multistore]\nendpoint_override = {url}\n'
    )


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(
        interpolation=None, default_section='no-such-section'
    )


def _copy_database(of: Path, to: Path) -> None:
    """Copy it while it is in use; to make one takes much longer."""
    with (
        contextlib.closing(sqlite3.connect(of)) as source,
        contextlib.closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


@contextlib.contextmanager
def _serving(lab: Lab, node: stack.Node, url: str) -> Iterator[None]:
    glance = service.Service(
        name=NAME,
        module='glance.wsgi.api',
        port=int(url.rpartition(':')[2]),
        home=node.home,
        paths=lab.paths,
        environ={'OS_GLANCE_CONFIG_DIR': str(node.glance_api_conf.parent)},
        stop_timeout_s=120,
    )
    glance.start()
    try:
        yield
    finally:
        glance.stop()


def _clouds(lab: Lab, home: Path, url: str) -> dict[str, str]:
    """clouds.yaml, as DevStack has it."""

    def entry(person: keystone.Person) -> dict[str, Any]:
        return {
            'auth': lab.keystone.credentials(person),
            'region_name': keystone.REGION,
            'image_endpoint_override': url,
        }

    path = home / 'clouds.yaml'
    clouds = {
        'devstack': entry(keystone.DEMO),
        'devstack-admin': entry(keystone.ADMIN),
    }
    path.write_text(yaml.safe_dump({'clouds': clouds}))
    return {'OS_CLIENT_CONFIG_FILE': str(path)}


@pytest.fixture(scope='module')
def default_image(
    cloud: Cloud,
    small_qcow2: Path,
    disks: dict[str, Disks],  # noqa: F811
) -> Iterator[Any]:
    """A QCOW2 image, uploaded with the command that DevStack uses."""
    image_id = cloud.openstack(
        *('image', 'create', DEFAULT_IMAGE, '--public', '--import'),
        *('--container-format', 'bare', '--disk-format', 'qcow2'),
        *('--file', str(small_qcow2), '-f', 'value', '-c', 'id'),
    )
    yield cloud.active(image_id)
    cloud.admin.images.delete(image_id)
    left = [image_id in disks[site].names('images') for site in disks]
    assert left == [False, False]


def test_image_is_converted(
    cloud: Cloud, default_image: Any, small_raw: Path
) -> None:
    assert default_image['disk_format'] == 'raw'
    assert stores(default_image) == {'cheap'}
    data = b''.join(cloud.demo.images.data(default_image['id']))
    assert data == small_raw.read_bytes()


def test_stores_are_those_that_were_meant(cloud: Cloud) -> None:
    found = {
        store['id']: store.get('default')
        for store in cloud.demo.images.get_stores_info()['stores']
    }
    assert found == {'cheap': 'true', 'robust': None}


def test_locations_are_not_shown(default_image: Any) -> None:
    """devstack-plugin-ceph had turned that on."""
    assert 'locations' not in default_image


def test_phase_that_looks_at_the_image(
    cloud: Cloud, default_image: Any
) -> None:
    outcome = cloud.run('stack extra')
    assert outcome.status == 0, outcome.said
    assert outcome.of('test_with_retry')


def test_phase_that_tries_the_site(cloud: Cloud, default_image: Any) -> None:
    """With a service user that is no administrator."""
    outcome = cloud.run('stack test-config')
    assert outcome.status == 0, outcome.said
    for check in ('credentials', 'copy policy', 'locations', 'store'):
        (line,) = [
            line
            for line in outcome.said.splitlines()
            if line.startswith(f'| {check} ')
        ]
        assert '| ok ' in line, outcome.said


def test_miss_then_hit(
    cloud: Cloud,
    demo_environ: dict[str, str],  # noqa: F811
    default_image: Any,
    small_raw: Path,
    disks_a: Disks,  # noqa: F811
) -> None:
    """The first disk of a plain user has the image copied and is cloned."""
    demo = Program(cloud.node.nova_cpu_conf, demo_environ)
    names = [f'devstack-{uuid.uuid4()}' for _ in range(2)]
    image_id = default_image['id']
    try:
        first, second = (
            demo.done('volume', 'create', name, '--image', image_id)
            for name in names
        )
        assert [first['copied'], second['copied']] == [True, False]
        assert first['parent'] == f'images/{image_id}@snap'
        assert second['parent'] == first['parent']
        assert disks_a.read(names[0]) == small_raw.read_bytes()
        assert stores(cloud.active(image_id)) == {'cheap', 'robust'}
    finally:
        for name in names:
            disks_a.remove(name)


def test_plain_upload_would_not_be_converted(
    cloud: Cloud, small_qcow2: Path
) -> None:
    """Why the plugin insists on the import workflow."""
    record = cloud.demo.images.create(
        name='plain', disk_format='qcow2', container_format='bare'
    )
    try:
        with small_qcow2.open('rb') as data:
            cloud.demo.images.upload(record['id'], data)
        assert cloud.active(record['id'])['disk_format'] == 'qcow2'
    finally:
        cloud.admin.images.delete(record['id'])
