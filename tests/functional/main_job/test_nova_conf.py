# SPDX-License-Identifier: Apache-2.0
"""An existing nova.conf serves where our own options are not set."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from lxml import etree

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import GROUP, Program
from tests.functional.main_job.uploads import Uploads
from tests.functional.operator.reports import Report
from tests.lab import guest
from tests.lab.image import BOOTED, WRITTEN
from tests.lab.lab import Lab

OURS_TO_LOSE = ('glance_store_name', 'libvirt_uri', 'libvirt_pool')


@pytest.fixture
def ceph_conf(lab: Lab, tmp_path: Path) -> Path:
    """As an operator writes one for Nova, with its keyring."""
    cluster = lab.clusters['site_a']
    keyring = tmp_path / 'ceph.client.nova.keyring'
    keyring.write_text(
        f'[client.nova]\nkey = {cluster.state.keys["client.nova"]}\n'
    )
    path = tmp_path / 'ceph.conf'
    path.write_text(
        '[global]\n'
        f'mon_host = {cluster.mon_host}\n'
        '[client.nova]\n'
        f'keyring = {keyring}\n'
    )
    return path


@pytest.fixture
def nova_conf(lab: Lab, ceph_conf: Path, tmp_path: Path) -> Path:
    """What Nova needs, and of ours nothing but the credentials."""
    ours = configparser.ConfigParser(interpolation=None)
    ours.read(lab.paths.site_conf('site_a'))
    for option in OURS_TO_LOSE:
        del ours[GROUP][option]
    ours['libvirt'] = {
        'virt_type': 'qemu',
        'connection_uri': lab.libvirt.uri,
        'images_type': 'rbd',
        'images_rbd_pool': 'vms',
        'images_rbd_ceph_conf': str(ceph_conf),
        'images_rbd_glance_store_name': 'site_a',
        'images_rbd_glance_copy_poll_interval': '1',
        'images_rbd_glance_copy_timeout': '120',
        'rbd_user': 'nova',
        'rbd_secret_uuid': lab.clusters['site_a'].state.secret_uuid,
    }
    ours['DEFAULT'] = {'compute_driver': 'libvirt.LibvirtDriver'}
    path = tmp_path / 'nova.conf'
    with path.open('w') as stream:
        ours.write(stream)
    return path


def test_miss_and_boot(
    lab: Lab,
    demo: Program,
    nova_conf: Path,
    upload: Uploads,
    small_raw: Path,
    disks_a: Disks,
    name: str,
    tmp_path: Path,
) -> None:
    """Store, pool, ceph.conf, user and secret are all Nova's."""
    nova = demo.with_conf(nova_conf)
    image = upload(path=small_raw)
    made = nova.done('volume', 'create', name, '--image', image.id)
    assert made['copied'] is True
    assert made['pool'] == 'vms'
    assert disks_a.read(name) == image.data
    xml = nova.run('volume', 'xml', name).stdout
    disk = etree.fromstring(xml)
    state = lab.clusters['site_a'].state
    assert disk.find('auth').get('username') == 'nova'
    assert disk.find('auth/secret').get('uuid') == state.secret_uuid
    # Not from a file: the monitors that the cluster has now.
    assert [host.get('port') for host in disk.iterfind('source/host')] == [
        str(state.mon_v1_port)
    ]
    lines = guest.boot(lab.libvirt.uri, xml, tmp_path)
    assert lines == [BOOTED, WRITTEN]


def test_blank(
    demo: Program, nova_conf: Path, disks_a: Disks, name: str
) -> None:
    demo.with_conf(nova_conf).done('volume', 'create', name, '--size', '1')
    assert name in disks_a.names()


def test_ours_win(
    demo: Program, nova_conf: Path, upload: Uploads, name: str
) -> None:
    """Where both are set."""
    image = upload()
    text = nova_conf.read_text()
    nova_conf.write_text(
        text.replace(f'[{GROUP}]', f'[{GROUP}]\nglance_store_name = site_z')
    )
    error = demo.with_conf(nova_conf).refused(
        'volume', 'create', name, '--image', image.id
    )
    assert 'no store site_z' in error


def test_no_pool_at_all(demo: Program, nova_conf: Path) -> None:
    nova_conf.write_text(
        nova_conf.read_text().replace('images_rbd_pool', 'unheard_of')
    )
    error = demo.with_conf(nova_conf).refused('volume', 'list')
    assert 'libvirt_pool' in error
    assert 'images_rbd_pool' in error


def test_pool_that_ceph_has_not(demo: Program, nova_conf: Path) -> None:
    nova_conf.write_text(
        nova_conf.read_text().replace(
            'images_rbd_pool = vms', 'images_rbd_pool = none'
        )
    )
    error = demo.with_conf(nova_conf).refused('volume', 'list')
    assert 'no pool none' in error


def test_user_that_ceph_has_not(demo: Program, nova_conf: Path) -> None:
    nova_conf.write_text(
        nova_conf.read_text().replace('rbd_user = nova', 'rbd_user = nobody')
    )
    assert demo.with_conf(nova_conf).refused('volume', 'list')


@pytest.fixture
def all_novas(nova_conf: Path) -> Path:
    """Not even the credentials are ours: Nova's service user, and its way
    to Glance."""
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(nova_conf)
    conf['service_user'] = dict(conf[GROUP])
    conf['glance'] = {'region_name': conf[GROUP]['region_name']}
    del conf[GROUP]
    with nova_conf.open('w') as stream:
        conf.write(stream)
    return nova_conf


def test_service_user_of_nova(
    demo: Program, all_novas: Path, upload: Uploads, disks_a: Disks, name: str
) -> None:
    """It has the image copied, which the caller may not."""
    image = upload()
    nova = demo.with_conf(all_novas)
    assert nova.done('volume', 'create', name, '--image', image.id)['copied']
    assert disks_a.read(name) == image.data


def test_check(
    lab: Lab, demo: Program, all_novas: Path, upload: Uploads
) -> None:
    """It finds all that the program works with."""
    upload()
    report = Report.of(demo.with_conf(all_novas).run('check', '-f', 'json'))
    assert report.bad() == {}
    secret = lab.clusters['site_a'].state.secret_uuid
    assert secret in report['secret'].detail


def test_check_of_a_secret_that_guests_lack(
    lab: Lab, demo: Program, all_novas: Path
) -> None:
    """The program connects by the keyring, and QEMU would not."""
    secret = lab.clusters['site_a'].state.secret_uuid
    other = '00000000-0000-0000-0000-000000000000'
    all_novas.write_text(all_novas.read_text().replace(secret, other))
    report = Report.of(demo.with_conf(all_novas).run('check', '-f', 'json'))
    assert report.status == 2
    assert other in report['secret'].detail
    assert 'nova.conf' in report['secret'].remedy
