# SPDX-License-Identifier: Apache-2.0
"""The lab is what it says it is, and mends itself."""

import base64
import contextlib
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import rados
import rbd
from glanceclient import exc
from keystoneauth1 import session as ks_session

from tests.lab import (
    ceph,
    glance,
    guest,
    image,
    images,
    inventory,
    layout,
    process,
    virt,
    wait,
)
from tests.lab.lab import Lab

MIB = 1024**2


@contextlib.contextmanager
def ioctx(site: ceph.Cluster, pool: str, user: str = 'admin') -> Iterator[Any]:
    with site.connect(user) as connection:
        opened = connection.open_ioctx(pool)
        try:
            yield opened
        finally:
            opened.close()


def read(site: ceph.Cluster, pool: str, name: str, offset: int) -> bytes:
    """A sector of an RBD image."""
    opened: Any
    with (
        ioctx(site, pool) as pool_io,
        rbd.Image(pool_io, name, read_only=True) as opened,
    ):
        return bytes(opened.read(offset, image.SECTOR_BYTES))


# -- what it consists of ------------------------------------------------------


@pytest.mark.parametrize('name', layout.SITES)
def test_each_cluster_is_one_of_its_own(lab: Lab, name: str) -> None:
    site = lab.clusters[name]
    with site.connect() as connection:
        assert connection.get_fsid() == site.fsid
        site.wait_for_health(connection)
    assert len({site.fsid for site in lab.clusters.values()}) == 2


def test_users_of_ceph_have_the_caps_of_production(
    site_a: ceph.Cluster,
) -> None:
    name = uuid.uuid4().hex
    with (
        ioctx(site_a, 'vms', 'glance') as vms,
        pytest.raises(rbd.PermissionError),
    ):
        rbd.RBD().create(vms, name, MIB)
    for user, pool in (
        ('glance', 'images'),
        ('nova', 'vms'),
        ('nova', 'images'),
    ):
        with ioctx(site_a, pool, user) as allowed:
            rbd.RBD().create(allowed, name, MIB)
            rbd.RBD().remove(allowed, name)


def test_libvirt_has_a_defined_pool_for_each_site(lab: Lab) -> None:
    connection: Any
    with lab.libvirt.connect() as connection:
        for name, site in lab.clusters.items():
            pool = connection.storagePoolLookupByName(virt.pool_name(name))
            assert not pool.isActive()
            secret = connection.secretLookupByUUIDString(
                site.state.secret_uuid
            )
            key = base64.b64encode(secret.value()).decode()
            assert key == site.state.keys['client.nova']


def test_catalogue_has_each_interface(
    lab: Lab, demo_session: ks_session.Session
) -> None:
    for interface in ('public', 'internal', 'admin'):
        endpoint = demo_session.get_endpoint(
            service_type='image', interface=interface
        )
        assert endpoint == lab.glance.url


def test_each_command_line_of_ceph(lab: Lab) -> None:
    for site in lab.clusters:
        done = subprocess.run(
            ['rbd', '-c', str(lab.paths.ceph_conf(site)), 'ls', 'vms'],
            check=False,
        )
        assert done.returncode == 0


def test_secrets_are_the_owners_alone(lab: Lab) -> None:
    assert lab.paths.root.stat().st_mode & 0o077 == 0
    for path in (
        lab.paths.state,
        lab.paths.openrc('admin'),
        lab.paths.site_conf('site_a'),
        lab.paths.ceph_conf('site_a'),
    ):
        assert path.stat().st_mode & 0o777 == 0o600


# -- Glance -------------------------------------------------------------------


def test_stores(admin_glance: Any) -> None:
    found = admin_glance.images.get_stores_info()['stores']
    assert {store['id'] for store in found} == {'central', 'site_a', 'site_b'}
    assert [store['id'] for store in found if store.get('default')] == [
        'central'
    ]


def test_glance_keeps_its_defaults(
    lab_images: images.Images,
    demo_glance: Any,
    service_glance: Any,
    small_raw: Path,
    unique: Callable[..., str],
) -> None:
    record = lab_images.upload(demo_glance, small_raw, unique())
    assert images.stores(record) == {glance.CENTRAL}
    assert 'locations' not in demo_glance.images.get(record['id'])
    with pytest.raises(exc.HTTPForbidden):
        demo_glance.images.get_image_locations(record['id'])
    with pytest.raises(exc.HTTPForbidden):
        demo_glance.images.image_import(
            record['id'], method='copy-image', stores=['site_a']
        )
    locations = service_glance.images.get_image_locations(record['id'])
    assert [one['metadata']['store'] for one in locations] == [glance.CENTRAL]


def test_image_in_several_stores(
    lab: Lab,
    lab_images: images.Images,
    demo_glance: Any,
    service_glance: Any,
    small_raw: Path,
    unique: Callable[..., str],
) -> None:
    record = lab_images.upload(
        demo_glance, small_raw, unique(), to=('site_a', 'site_b')
    )
    found = service_glance.images.get_image_locations(record['id'])
    assert {one['url'] for one in found} == {
        f'rbd://{site.fsid}/images/{record["id"]}/snap'
        for site in lab.clusters.values()
    }


def test_many_callers_at_once(
    lab: Lab,
    demo_session: ks_session.Session,
    lab_images: images.Images,
    small_raw: Path,
    unique: Callable[..., str],
) -> None:
    """The databases are files; they must stand concurrent writers."""
    names = [unique() for _ in range(16)]

    def life(name: str) -> None:
        client = images.client(lab, demo_session)
        record = lab_images.upload(client, small_raw, name)
        for number in range(5):
            client.images.update(record['id'], count=str(number))
        client.images.delete(record['id'])

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(life, names))) == len(names)


def test_a_copy_is_let_finish_when_glance_is_stopped(
    lab: Lab,
    lab_images: images.Images,
    admin_glance: Any,
    bootable: Path,
    unique: Callable[..., str],
) -> None:
    record = lab_images.upload(admin_glance, bootable, unique())
    image_id = record['id']
    admin_glance.images.image_import(
        image_id, method='copy-image', stores=['site_a']
    )
    try:
        lab.glance.stop()
    finally:
        lab.glance.start()
    # Nobody works on it any more, so what is not there now never will be.
    record = admin_glance.images.get(image_id)
    assert images.stores(record) == {glance.CENTRAL, 'site_a'}


def test_a_killed_glance_comes_back(
    lab: Lab, admin_glance: Any, lab_images: images.Images
) -> None:
    mark = lab.glance.service.mark_log()
    lab.glance.kill()
    assert not lab.glance.service.daemon.running()
    lab.glance.start()
    assert list(admin_glance.images.list(limit=1)) is not None
    assert 'GET /v2/images' in mark.text()


# -- the bootable image -------------------------------------------------------


def test_boot_sector() -> None:
    sector = image.boot_sector(image.SIZE_BYTES)
    assert len(sector) == image.SECTOR_BYTES
    assert sector.endswith(b'\x55\xaa')
    assert image.BOOTED.encode() in sector


def test_labels_are_filled_in() -> None:
    program = (
        image.Line('BE {text}', 'mov si, text'),
        image.Line('EB {>end}', 'jmp end'),
        image.Line('E8 {>>text}', 'call text', 'text'),
        image.Line('F4', 'hlt', 'end'),
    )
    code = image.assemble(program, 0x100)
    assert code.hex(' ') == 'be 05 01 eb 03 e8 fd ff f4'


def test_image_is_data_and_holes(bootable: Path) -> None:
    stat = bootable.stat()
    assert stat.st_size == image.SIZE_BYTES
    assert 0.4 < stat.st_blocks * 512 / stat.st_size < 0.6


DISK = """\
<disk type='network' device='disk'>
  <driver name='qemu' type='raw'/>
  <auth username='nova'>
    <secret type='ceph' uuid='{secret}'/>
  </auth>
  <source protocol='rbd' name='vms/{name}'>
    <host name='127.0.0.1' port='{port}'/>
  </source>
  <target dev='vda' bus='virtio'/>
</disk>
"""


@pytest.fixture
def clone(
    lab: Lab,
    site_a: ceph.Cluster,
    lab_images: images.Images,
    demo_glance: Any,
    bootable: Path,
    unique: Callable[..., str],
) -> Iterator[tuple[str, str]]:
    """Names of a clone at site_a and of its parent."""
    record = lab_images.upload(demo_glance, bootable, unique(), to=['site_a'])
    parent, name = record['id'], unique('clone')
    with (
        ioctx(site_a, 'images', 'nova') as source,
        ioctx(site_a, 'vms', 'nova') as target,
    ):
        rbd.RBD().clone(source, parent, 'snap', target, name)
        yield name, parent
        rbd.RBD().remove(target, name)


def test_guest_boots_from_a_clone_and_leaves_its_parent_alone(
    lab: Lab, site_a: ceph.Cluster, clone: tuple[str, str], tmp_path: Path
) -> None:
    name, parent = clone
    disk = DISK.format(
        name=name,
        secret=site_a.state.secret_uuid,
        port=site_a.state.mon_v2_port,
    )
    lines = guest.boot(lab.libvirt.uri, disk, tmp_path)
    assert lines == [image.BOOTED, image.WRITTEN]
    at = image.MARKER_OFFSET_BYTES
    assert read(site_a, 'vms', name, at).startswith(image.MARKER)
    assert read(site_a, 'images', parent, at) == bytes(image.SECTOR_BYTES)


def test_a_guest_that_says_nothing_is_removed(
    lab: Lab, tmp_path: Path
) -> None:
    blank = tmp_path / 'blank.raw'
    blank.write_bytes(bytes(MIB))
    disk = (
        "<disk type='file' device='disk'>"
        "<driver name='qemu' type='raw'/>"
        f"<source file='{blank}'/><target dev='vda' bus='virtio'/></disk>"
    )
    with pytest.raises(wait.TimedOut, match='printed'):
        guest.boot(lab.libvirt.uri, disk, tmp_path, timeout_s=3)
    assert not list(tmp_path.glob('*.serial'))
    connection: Any
    with lab.libvirt.connect() as connection:
        assert str(blank) not in ''.join(
            domain.XMLDesc() for domain in connection.listAllDomains()
        )


# -- coming back --------------------------------------------------------------


def test_a_stopped_cluster_answers_nobody_until_it_is_started(
    site_b: ceph.Cluster,
) -> None:
    site_b.stop()
    try:
        with pytest.raises(rados.Error), site_b.connect(timeout_s=2):
            pass
    finally:
        site_b.start()
    with site_b.connect() as connection:
        site_b.wait_for_health(connection)


def test_killed_daemons_are_started_again(lab: Lab) -> None:
    victims = [
        lab.clusters['site_b'].daemon('mon'),
        lab.clusters['site_b'].daemon('osd'),
        lab.keystone.service.daemon,
        *lab.libvirt.daemons(),
    ]
    kept = [d.identity() for d in lab.daemons() if d not in victims]
    for victim in victims:
        victim.kill()
    assert not lab.running()
    said: list[str] = []
    lab.up(said.append)
    assert lab.running()
    assert [d.identity() for d in lab.daemons() if d not in victims] == kept
    assert all(line.endswith(' s') for line in said)


def test_only_what_the_lab_started_is_stopped(tmp_path: Path) -> None:
    daemon = process.Daemon(
        name='sleeper',
        command=['sleep', '600'],
        pid_file=tmp_path / 'sleeper.json',
        log=tmp_path / 'sleeper.log',
    )
    assert daemon.start()
    assert not daemon.start()
    identity = daemon.identity()
    assert identity is not None
    text = daemon.pid_file.read_text()
    # As if the process had ended and its id had gone to another one.
    other = text.replace(str(identity.started), str(identity.started - 1))
    daemon.pid_file.write_text(other)
    assert not daemon.stop()
    os.kill(identity.pid, 0)
    daemon.pid_file.write_text(text)
    assert daemon.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(identity.pid, 0)


def test_a_failed_command_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / 'made.log'
    with pytest.raises(process.Failed) as caught:
        process.run(['sh', '-c', 'echo why; exit 3'], log)
    assert caught.value.log == log
    assert log.read_text() == 'why\n'


def test_sockets_of_a_deep_checkout(tmp_path: Path) -> None:
    deep = tmp_path / ('d' * 60) / ('e' * 60) / '.lab'
    deep.mkdir(parents=True)
    paths = layout.Layout(deep)
    assert len(str(paths.sockets)) < 60
    assert paths.sockets.resolve() == deep
    short = paths.sockets
    paths.remove_socket_link()
    assert not short.is_symlink()
    plain = layout.Layout(Path('/srv/x/.lab'))
    assert plain.sockets == plain.root


def test_what_is_left_is_named(site_a: ceph.Cluster) -> None:
    name = uuid.uuid4().hex
    with ioctx(site_a, 'vms') as vms:
        with (
            pytest.raises(inventory.LeftBehind, match=f'vms/{name}'),
            inventory.nothing_left(site_a),
        ):
            rbd.RBD().create(vms, name, MIB)
        rbd.RBD().remove(vms, name)
    with inventory.nothing_left(site_a):
        pass
