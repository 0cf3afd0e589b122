# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree
from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.site import Site
from tests.unit import recorded
from tests.unit.fakes.server import (
    CephServer,
    LibvirtServer,
    Secret,
    StoragePool,
)

FSID = '24b8c50a-2daa-4082-955d-6952a07acb72'
POOL = 'rbd-multistore-site_a'
SECRET = '53d2626a-c026-4fe4-95eb-0db418c2d7a7'
KEY = 'AQAAAAAAAAAAABAAYSBrZXkgaW4gYSB0ZXN0IQ=='
URI = 'qemu:///system'

Sited = Callable[..., Site]


@pytest.fixture
def ceph() -> CephServer:
    server = CephServer(FSID, 'vms', 'images')
    server.keys.update(nova=KEY, other=KEY)
    answer = recorded.raw('ceph-16/mon-dump.json')
    server.answers['mon dump'] = (0, answer, '')
    CephServer.reachable['127.0.0.1:29480'] = server
    return server


@pytest.fixture
def libvirt() -> LibvirtServer:
    server = LibvirtServer()
    xml = recorded.text('libvirt-9/pool.xml')
    server.pools[POOL] = StoragePool(xml)
    server.secrets.append(Secret(SECRET, '', base64.b64decode(KEY)))
    LibvirtServer.running[URI] = server
    return server


@pytest.fixture
def sited(tmp_path: Path) -> Sited:
    def make(ours: str = '', novas: str = '') -> Site:
        path = tmp_path / 'site.conf'
        path.write_text(f'[rbd_multistore]\n{ours}\n[libvirt]\n{novas}\n')
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        conf(['--config-file', str(path)])
        return Site(conf, {})

    return make


def client(site: Site) -> tuple[str, str | None, dict[str, str]]:
    """Connect, and return librados' user, conf file and options."""
    with site.volumes.cluster.pool(site.volumes.pool, 'look') as ioctx:
        connection = ioctx.connection  # type: ignore[attr-defined]
        return connection.user, connection.conffile, connection.conf


def test_from_the_pool_alone(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}')
    user, conffile, conf = client(site)
    assert site.volumes.pool == 'vms'
    assert site.volumes.cluster.fsid() == FSID
    assert (user, conffile) == ('nova', None)
    assert conf['mon_host'] == '127.0.0.1:29480'
    assert conf['key'] == KEY
    assert conf['client_mount_timeout'] == '30'
    assert libvirt.connected == 1


def test_timeout_of_the_config_file(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}\nceph_timeout = 4')
    assert client(site)[2]['client_mount_timeout'] == '4'


def test_user_in_place_of_the_pools(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}\nrbd_user = other')
    assert client(site)[0] == 'other'


def test_ceph_conf_in_place_of_the_pools_monitors(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    CephServer.reachable['/etc/ceph/a.conf'] = ceph
    # Its keyring is used, so that the secret is not read.
    libvirt.secrets.clear()
    site = sited(f'libvirt_pool = {POOL}\nceph_conf = /etc/ceph/a.conf')
    user, conffile, conf = client(site)
    assert (user, conffile) == ('nova', '/etc/ceph/a.conf')
    assert 'key' not in conf
    assert site.volumes.pool == 'vms'


def test_from_nova_conf_alone(ceph: CephServer, sited: Sited) -> None:
    CephServer.reachable['/etc/ceph/nova.conf'] = ceph
    site = sited(
        novas='images_rbd_pool = vms\n'
        'images_rbd_ceph_conf = /etc/ceph/nova.conf\n'
        f'rbd_user = nova\nrbd_secret_uuid = {SECRET}'
    )
    assert site.volumes.pool == 'vms'
    assert client(site)[:2] == ('nova', '/etc/ceph/nova.conf')


def test_from_librados_own_files(ceph: CephServer, sited: Sited) -> None:
    # An empty path: librados looks in the usual places.
    CephServer.reachable[''] = ceph
    site = sited(novas='images_rbd_pool = vms')
    assert client(site)[:2] == ('admin', '')


def test_pool_without_cephx(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    libvirt.pools['open'] = StoragePool(
        recorded.text('libvirt-9/pool-noauth.xml')
    )
    # IPv6 in brackets; the default port is left to librados.
    CephServer.reachable['v1:[::1]:6789,mon.example'] = ceph
    ceph.keys['admin'] = None  # type: ignore[assignment]
    site = sited('libvirt_pool = open')
    user, _, conf = client(site)
    assert user == 'admin'
    assert conf['auth_client_required'] == 'none'
    assert conf['mon_host'] == 'v1:[::1]:6789,mon.example'


def test_nothing_is_set(sited: Sited) -> None:
    with pytest.raises(exceptions.ConfigError) as caught:
        _ = sited().volumes
    assert 'libvirt_pool' in str(caught.value)
    assert 'images_rbd_pool' in str(caught.value)


def test_no_such_pool(libvirt: LibvirtServer, sited: Sited) -> None:
    with pytest.raises(exceptions.LibvirtPoolNotFound, match='nowhere'):
        _ = sited('libvirt_pool = nowhere').volumes


def test_no_secret(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    libvirt.secrets.clear()
    with pytest.raises(exceptions.SecretNotFound, match=SECRET):
        _ = sited(f'libvirt_pool = {POOL}').volumes


def test_no_libvirt(sited: Sited) -> None:
    with pytest.raises(exceptions.LibvirtUnavailable, match='libvirt_uri'):
        _ = sited(f'libvirt_pool = {POOL}').volumes


def test_no_credentials(sited: Sited) -> None:
    with pytest.raises(exceptions.ConfigError, match='auth_type'):
        _ = sited().images


def test_volumes_need_no_glance_and_images_no_ceph(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    assert sited(f'libvirt_pool = {POOL}').volumes.names() == ()
    credentials = (
        'auth_type = password\nauth_url = http://k/v3\nusername = u\n'
        'password = p'
    )
    assert sited(credentials).images is not None


def test_parts_are_made_once(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}')
    assert site.volumes is site.volumes


def test_key_is_never_shown(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}')
    access = site._access()
    assert access.key == KEY
    for shown in (repr(access), str(access), repr(site), repr(vars(site))):
        assert KEY not in shown


def source(xml: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the hosts of a disk, and its secret's attributes."""
    disk = etree.fromstring(xml)
    hosts = [dict(host.attrib) for host in disk.iterfind('source/host')]
    secret = disk.find('auth/secret')
    return hosts, {} if secret is None else dict(secret.attrib)


def test_disk_xml_from_the_pool(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}')
    hosts, secret = source(site.disk_xml('v', 'vdb', 'virtio'))
    assert hosts == [{'name': '127.0.0.1', 'port': '29480'}]
    assert secret == {'type': 'ceph', 'uuid': SECRET}
    assert 'name="vms/v"' in site.disk_xml('v', 'vdb', 'virtio')
    assert 'dev="vdb"' in site.disk_xml('v', 'vdb', 'virtio')


def test_disk_xml_from_the_pool_as_it_is_now(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(f'libvirt_pool = {POOL}')
    site.disk_xml('v', 'vda', 'virtio')
    xml = libvirt.pools[POOL].xml
    libvirt.pools[POOL].xml = xml.replace('29480', '29481')
    hosts, _ = source(site.disk_xml('v', 'vda', 'virtio'))
    assert hosts == [{'name': '127.0.0.1', 'port': '29481'}]


def test_disk_xml_from_nova_conf(ceph: CephServer, sited: Sited) -> None:
    CephServer.reachable[''] = ceph
    site = sited(
        novas='images_rbd_pool = vms\nrbd_user = nova\n'
        f'rbd_secret_uuid = {SECRET}'
    )
    hosts, secret = source(site.disk_xml('v', 'vda', 'virtio'))
    assert hosts == [{'name': '127.0.0.1', 'port': '21784'}]
    assert secret == {'type': 'ceph', 'uuid': SECRET}
    assert 'username="nova"' in site.disk_xml('v', 'vda', 'virtio')


def test_disk_xml_without_a_secret(ceph: CephServer, sited: Sited) -> None:
    CephServer.reachable[''] = ceph
    site = sited(novas='images_rbd_pool = vms\nrbd_user = nova')
    _, secret = source(site.disk_xml('v', 'vda', 'virtio'))
    assert secret == {}


def test_backend_of_the_store(
    ceph: CephServer, libvirt: LibvirtServer, sited: Sited
) -> None:
    site = sited(
        f'libvirt_pool = {POOL}\nglance_store_name = site_a\n'
        'auth_type = password\nauth_url = http://k/v3\nusername = u\n'
        'password = p'
    )
    assert site.backend.create_blank('v', 1 << 20).volume.pool == 'vms'
    assert site.volumes.names() == ('v',)


IMPORTED = """
import sys
import tests.unit.conftest
import rbd_multistore.site
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_what_takes_long_to_import_is_imported_late() -> None:
    """A quarter of a second each: listing volumes needs neither."""
    done = subprocess.run(
        [sys.executable, '-c', IMPORTED, 'openstack', 'glanceclient'],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
