# SPDX-License-Identifier: Apache-2.0
"""What a site asks of its services, as their files say it."""

from __future__ import annotations

from oslo_config import cfg

from rbd_multistore import opts
from tests.lab import ini, settings

NOVA = {
    'store': 'site_a',
    'pool': 'vms',
    'user': 'nova',
    'secret_uuid': '5d6f0f3e-0c0f-4d43-9a0e-6a3b7d9e5f11',
    'ceph_conf': '/etc/ceph/ceph.conf',
}


def test_nova_compute_is_what_the_library_reads(tmp_path):
    """A nova.conf with these sections alone makes a site."""
    path = tmp_path / 'nova.conf'
    path.write_text(ini.text(settings.nova_compute(**NOVA)))
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(['--config-file', str(path)], default_config_files=[])
    found = opts.settings(conf)
    assert found.glance_store_name == NOVA['store']
    assert found.rbd_pool == NOVA['pool']
    assert found.rbd_user == NOVA['user']
    assert found.rbd_secret_uuid == NOVA['secret_uuid']
    assert found.ceph_conf == NOVA['ceph_conf']
    assert found.copy_poll_interval_s == 1
    assert found.copy_timeout_s == 600


def test_nova_compute_never_downloads():
    sections = settings.nova_compute(**NOVA)
    assert sections['libvirt']['images_type'] == 'rbd'
    assert sections['workarounds'] == {
        'never_download_image_if_on_rbd': 'true'
    }


def test_glance_stores():
    sections = settings.glance_stores(
        'central', {'central': 'file', 'site_a': 'rbd'}
    )
    assert sections == {
        'DEFAULT': {'enabled_backends': 'central:file, site_a:rbd'},
        'glance_store': {'default_backend': 'central'},
    }


def test_store_sections():
    store = settings.glance_rbd_store(
        ceph_conf='/etc/ceph/a.conf', user='glance', pool='images'
    )
    assert store['rbd_store_ceph_conf'] == '/etc/ceph/a.conf'
    assert store['rbd_store_user'] == 'glance'
    assert store['rbd_store_pool'] == 'images'
    assert settings.glance_file_store(directory='/srv/x') == {
        'filesystem_store_datadir': '/srv/x'
    }


def test_each_call_answers_anew():
    settings.nova_compute(**NOVA)['libvirt'].clear()
    assert settings.nova_compute(**NOVA)['libvirt']
