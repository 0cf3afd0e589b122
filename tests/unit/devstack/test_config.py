# SPDX-License-Identifier: Apache-2.0
"""What the plugin writes, held against what the lab's services run with."""

from __future__ import annotations

import re

import pytest
import yaml
from keystoneauth1 import loading
from oslo_config import cfg

from rbd_multistore import opts
from tests.lab import settings
from tests.unit.devstack import recorded
from tests.unit.devstack.stack import TOP, parsed

# What the lab sets and the plugin leaves at its default, and why.
LAB_ONLY = {
    # Tests cannot wait for Nova's own 15 s, nor want to depend on its 600.
    ('libvirt', 'images_rbd_glance_copy_poll_interval'),
    ('libvirt', 'images_rbd_glance_copy_timeout'),
    # Tests stop clusters, and Glance would wait for ever.
    ('robust', 'rados_connect_timeout'),
    ('cheap', 'rados_connect_timeout'),
}

# What the plugin sets and the lab leaves at its default: it comes after
# devstack-plugin-ceph, which turns that on.
PLUGIN_ONLY = {('DEFAULT', 'show_multiple_locations')}

# What is there before, or is no setting of a store.
OTHERS = {('DEFAULT', 'debug'), ('robust_rbd', 'rbd_store_pool')}
OTHER_SECTIONS = {'database'}


def flat(sections):
    """Return values by section and option; a boolean as a boolean."""
    return {
        (section, option): {'true': True, 'false': False}.get(
            value.lower(), value
        )
        for section, options in sections.items()
        for option, value in options.items()
    }


def labs(sections):
    return {k: v for k, v in flat(sections).items() if k not in LAB_ONLY}


def written(path, leave_out=frozenset()):
    conf = parsed(path)
    return {
        key: value
        for key, value in flat(conf).items()
        if key not in OTHERS | leave_out and key[0] not in OTHER_SECTIONS
    }


def reserved_stores(node):
    return {
        name: settings.glance_file_store(
            directory=f'{node.home}/data/glance/{name}/'
        )
        for name in ('os_glance_staging_store', 'os_glance_tasks_store')
    }


def test_nova(stacked):
    node, _ = stacked
    wanted = settings.nova_compute(
        store='robust',
        pool='vms',
        user='cinder',
        secret_uuid='11111111-1111-1111-1111-111111111111',
        ceph_conf='/etc/ceph/ceph.conf',
    )
    novas = {('libvirt', 'virt_type'), ('libvirt', 'inject_key')}
    conf = written(node.nova_cpu_conf, novas)
    assert labs(wanted) == {
        key: value for key, value in conf.items() if key[0] != opts.GROUP
    }


def test_glance(stacked):
    node, _ = stacked
    wanted = {
        **settings.glance_stores('cheap', {'cheap': 'file', 'robust': 'rbd'}),
        'robust': settings.glance_rbd_store(
            ceph_conf='/etc/ceph/ceph.conf', user='glance', pool='images'
        ),
        'cheap': settings.glance_file_store(
            directory=f'{node.home}/data/glance/cheap/'
        ),
        **reserved_stores(node),
    }
    assert labs(wanted) == written(node.glance_api_conf, PLUGIN_ONLY)
    conf = parsed(node.glance_api_conf)
    assert conf['DEFAULT']['show_multiple_locations'] == 'False'


def test_glance_with_two_clusters(node_with):
    node = node_with(MULTI_CEPH='True', RBD_MULTISTORE_CENTRAL_KIND='rbd')
    node.stack()
    wanted = {
        **settings.glance_stores('cheap', {'cheap': 'rbd', 'robust': 'rbd'}),
        **{
            name: settings.glance_rbd_store(
                ceph_conf=ceph_conf, user='glance', pool='images'
            )
            for name, ceph_conf in {
                'robust': '/etc/ceph/ceph.conf',
                'cheap': str(node.ceph2_conf),
            }.items()
        },
        **reserved_stores(node),
    }
    assert labs(wanted) == written(node.glance_api_conf, PLUGIN_ONLY)


def test_images_are_converted(stacked):
    # tests/functional/test_devstack.py has a Glance read it.
    node, _ = stacked
    assert flat(parsed(node.image_import_conf)) == {
        ('image_import_opts', 'image_import_plugins'): "['image_conversion']",
        ('image_conversion', 'output_format'): 'raw',
    }


def test_policy_is_ours(stacked):
    node, _ = stacked
    ours = TOP / 'etc/rbd-multistore/glance-policy.yaml'
    assert node.policy.read_text() == ours.read_text()
    rules = yaml.safe_load(node.policy.read_text())
    assert set(rules) == {'fetch_image_location', 'copy_image'}


@pytest.fixture
def conf(stacked):
    """The file that nova-compute reads, read as rbd-multistore reads it."""
    node, _ = stacked
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(
        ['--config-file', str(node.nova_cpu_conf)],
        default_config_files=[],
        default_config_dirs=[],
    )
    return conf


def test_settings(conf):
    read = opts.settings(conf)
    assert read.glance_store_name == 'robust'
    assert read.rbd_pool == 'vms'
    assert read.ceph_conf == '/etc/ceph/ceph.conf'
    assert read.rbd_user == 'cinder'
    assert read.rbd_secret_uuid == '11111111-1111-1111-1111-111111111111'
    # With which nova-compute would refuse to start.
    assert read.libvirt_pool is None


def test_credentials(conf):
    auth = loading.load_auth_from_conf_options(conf, opts.GROUP)
    assert auth.auth_url == 'http://203.0.113.5/identity'
    assert conf[opts.GROUP].username == 'rbd-multistore'
    assert conf[opts.GROUP].project_name == 'service'
    assert conf[opts.GROUP].region_name == 'RegionOne'
    session = loading.load_session_from_conf_options(
        conf, opts.GROUP, auth=auth
    )
    way = loading.load_adapter_from_conf_options(
        conf, opts.GROUP, session=session
    )
    assert way.interface == ['public']


def test_each_option_of_ours_is_one_and_not_deprecated(stacked, conf, caplog):
    node, _ = stacked
    loading.load_auth_from_conf_options(conf, opts.GROUP)
    for option in parsed(node.nova_cpu_conf)[opts.GROUP]:
        assert conf[opts.GROUP][option] is not None
    assert not caplog.records


def test_cafile_with_tls(node_with):
    node = node_with('n-cpu,tls-proxy')
    node.stack()
    conf = parsed(node.nova_cpu_conf)
    assert conf[opts.GROUP]['cafile'] == '/opt/stack/data/ca-bundle.pem'


def test_drop_in_starts_ours_as_devstack_starts_novas(stacked):
    node, _ = stacked
    command = (
        recorded.RECORDED['nova_compute']
        .replace('$NOVA_BIN_DIR/', '/opt/stack/data/venv/bin/rbd-multistore-')
        .replace('$NOVA_CPU_CONF', str(node.nova_cpu_conf))
    )
    # The first, empty, takes back that of the unit itself.
    assert node.drop_in.read_text() == (
        f'[Service]\nExecStart=\nExecStart={command}\n'
    )
    program = re.search(r'/bin/(\S+)', command)[1]
    assert f'    {program} = ' in (TOP / 'setup.cfg').read_text()
