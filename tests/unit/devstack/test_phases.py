# SPDX-License-Identifier: Apache-2.0
"""Which phase does what, on which node, and how it is undone."""

from __future__ import annotations

import getpass

import pytest

from tests.unit.devstack import recorded
from tests.unit.devstack.stack import (
    ALL,
    CLEAN,
    COMPUTE,
    CONTROLLER,
    STACK,
    TOP,
    UNSTACK,
    files,
    parsed,
)

PREPARE = ('override-defaults', 'settings')


def changes(outcome):
    """Return the calls that change something, without their arguments."""
    return {
        call[0] if call[0] != 'sudo' else f'sudo {call[1]}'
        for call in outcome.calls
    } & {
        *('configure_keystoneauth', 'create_service_user', 'inidelete'),
        *('iniset', 'install_package', 'openstack', 'pip_uninstall'),
        *('runuser', 'setup_develop', 'sudo install', 'sudo mkdir', 'sudo rm'),
        *('sudo systemctl', 'sudo tee'),
    }


@pytest.mark.parametrize(
    ('phase', 'wanted'),
    [
        ('stack pre-install', {'install_package'}),
        ('stack install', {'setup_develop'}),
        (
            'stack post-config',
            {
                *('configure_keystoneauth', 'create_service_user'),
                *('inidelete', 'iniset'),
                *('sudo install', 'sudo mkdir', 'sudo tee', 'sudo systemctl'),
            },
        ),
        ('stack extra', {'openstack'}),
        ('stack test-config', {'runuser'}),
        ('unstack', {'inidelete', 'sudo rm'}),
        ('clean', {'inidelete', 'sudo rm', 'pip_uninstall'}),
    ],
)
def test_phase(node, phase, wanted):
    node.configure_services()
    outcome = node.run(*PREPARE, phase)
    assert outcome.status == 0, outcome.said
    assert changes(outcome) == wanted


@pytest.mark.parametrize(
    'phase', ['stack pre-install', 'stack install', 'stack post-config']
)
def test_phase_of_a_node_with_neither(node_with, phase):
    node = node_with('c-vol')
    outcome = node.run(*PREPARE, phase)
    assert outcome.status == 0, outcome.said
    assert not changes(outcome)


def test_what_is_installed(stacked):
    _, outcome = stacked
    assert outcome.of('install_package') == [['python3-rados', 'python3-rbd']]
    assert outcome.of('setup_develop') == [[str(TOP)]]


def test_service_user_is_no_administrator(stacked):
    _, outcome = stacked
    assert outcome.of('create_service_user') == [['rbd-multistore']]


def test_the_password_is_on_no_command_line(stacked):
    _, outcome = stacked
    assert not [call for call in outcome.calls if 'secret' in call]


def test_systemd_reads_the_drop_in(stacked):
    node, outcome = stacked
    calls = outcome.of('sudo')
    written = calls.index(['tee', str(node.drop_in)])
    assert calls[written + 1] == ['systemctl', 'daemon-reload']


def test_nobody_else_writes_to_nova_conf_meanwhile(stacked):
    node, outcome = stacked
    calls = [
        call
        for call in outcome.calls
        if str(node.nova_conf) in call or call[0] == 'async_wait'
    ]
    assert calls[0] == ('async_wait', recorded.RECORDED['in_background'])
    assert len(calls) > 1


# Several nodes


def test_compute_node_gets_novas_part_alone(node_with):
    node = node_with(COMPUTE)
    outcome = node.stack()
    assert set(files(node.home)) == {
        'etc/ceph2/ceph.conf',
        'etc/nova/nova-cpu.conf',
        'etc/nova/nova.conf',
        'etc/systemd/devstack@n-cpu.service.d/rbd-multistore.conf',
    }
    assert not {'create_service_user', 'openstack'} & changes(outcome)
    assert parsed(node.nova_cpu_conf)['libvirt']['images_type'] == 'rbd'


def test_controller_gets_glances_part_alone(node_with):
    node = node_with(CONTROLLER)
    outcome = node.stack()
    assert 'images_type' not in node.nova_conf.read_text()
    assert not node.drop_in.exists()
    novas = {'install_package', 'runuser', 'setup_develop'}
    assert not novas & changes(outcome)
    stores = parsed(node.glance_api_conf)['DEFAULT']['enabled_backends']
    assert stores == 'cheap:file, robust:rbd'


# Doing it again, and undoing it


def test_stack_twice(node):
    node.stack()
    once = files(node.home)
    again = node.run(*STACK)
    assert again.status == 0, again.said
    assert files(node.home) == once


def test_unstack_leaves_what_was_there(node):
    node.configure_services()
    # Those that are somebody else's to set, and come back with the next
    # stack, are not restored but gone.
    others = ('show_multiple_locations', 'enabled_backends')
    kept = '\n'.join(
        line
        for line in node.glance_api_conf.read_text().splitlines()
        if not line.startswith((*others, 'default_backend', '[glance_store'))
    )
    nova_conf = node.nova_conf.read_text().strip()
    node.stack()
    undone = node.run(*UNSTACK)
    assert undone.status == 0, undone.said
    after = files(node.home)
    assert after.pop('etc/glance/glance-api.conf') == kept
    assert after.pop('etc/glance/glance-image-import.conf') == ''
    assert after.pop('etc/nova/nova.conf') == nova_conf
    assert after.pop('etc/nova/nova-cpu.conf') == nova_conf
    assert set(after) == {'etc/ceph2/ceph.conf'}
    assert undone.of('sudo').count(['systemctl', 'daemon-reload']) == 1


@pytest.mark.parametrize('steps', [UNSTACK, CLEAN])
def test_undone_twice(node, steps):
    node.stack()
    assert node.run(*steps).status == 0
    once = files(node.home)
    again = node.run(*steps)
    assert again.status == 0, again.said
    assert files(node.home) == once


@pytest.mark.parametrize('steps', [UNSTACK, CLEAN])
@pytest.mark.parametrize('services', [ALL, COMPUTE, CONTROLLER])
def test_undone_where_nothing_was_done(node_with, steps, services):
    node = node_with(services)
    outcome = node.run(*steps)
    assert outcome.status == 0, outcome.said
    assert files(node.home) == {}


def test_undone_after_the_services_were_disabled(node_with):
    node = node_with()
    node.stack()
    assert node_with('c-vol').run(*UNSTACK).status == 0
    assert not node.drop_in.parent.exists()
    assert not node.policy.exists()


def test_clean_removes_the_images(node):
    node.stack()
    images = node.home / 'data/glance'
    for store in ('cheap', 'else'):
        (images / store).mkdir(parents=True)
    outcome = node.run(*CLEAN)
    assert outcome.of('pip_uninstall') == [['rbd-multistore']]
    assert [path.name for path in images.iterdir()] == ['else']


def test_stack_after_unstack(node):
    node.stack()
    once = files(node.home)
    assert node.run(*UNSTACK).status == 0
    node.stack()
    assert files(node.home) == once


# What local.conf can say


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'CEPH_SERVICES': ''}, 'devstack-plugin-ceph before'),
        ({'CEPH_SERVICES': 'nova'}, 'ENABLE_CEPH_GLANCE=True'),
        ({'CEPH_SERVICES': 'glance'}, 'ENABLE_CEPH_NOVA=True'),
        ({'VIRT_DRIVER': 'fake'}, 'VIRT_DRIVER=libvirt'),
        (
            {'GLANCE_USE_IMPORT_WORKFLOW': 'False'},
            'GLANCE_USE_IMPORT_WORKFLOW=True',
        ),
        ({'RBD_MULTISTORE_CENTRAL_KIND': 'rbd'}, 'MULTI_CEPH=True'),
        ({'RBD_MULTISTORE_CENTRAL_KIND': 'swift'}, 'must be file or rbd'),
    ],
)
def test_refused_before_anything_is_installed(node_with, settings, words):
    outcome = node_with(**settings).run(*STACK)
    assert words in outcome.refusal
    assert not changes(outcome)


def test_other_names(node_with):
    node = node_with(
        RBD_MULTISTORE_CENTRAL_STORE='uploads',
        RBD_MULTISTORE_SITE_STORE='near',
        RBD_MULTISTORE_USER='copier',
        IMAGE_properties="{'stores': 'uploads'}",
    )
    outcome = node.stack()
    conf = parsed(node.glance_api_conf)
    assert conf['DEFAULT']['enabled_backends'] == 'uploads:file, near:rbd'
    nova = parsed(node.nova_cpu_conf)
    assert nova['libvirt']['images_rbd_glance_store_name'] == 'near'
    assert nova['rbd_multistore']['username'] == 'copier'
    assert outcome.of('create_service_user') == [['copier']]


def test_second_cluster_is_prepared(node_with):
    node = node_with(MULTI_CEPH='True', RBD_MULTISTORE_CENTRAL_KIND='rbd')
    outcome = node.stack()
    etc = node.home / 'etc/ceph2'
    shell = ['/usr/bin/cephadm', '--image', 'quay.io/ceph/ceph:v20', 'shell']
    shell += ['--fsid', '22222222-2222-2222-2222-222222222222']
    shell += ['--config', f'{etc}/ceph.conf']
    shell += ['--keyring', f'{etc}/ceph.client.admin.keyring', '--', 'ceph']
    calls = [call for call in outcome.of('sudo') if call[0] == shell[0]]
    assert {' '.join(call[: len(shell)]) for call in calls} == {
        ' '.join(shell)
    }
    assert [' '.join(call[len(shell) :]) for call in calls] == [
        'osd pool create images 8',
        'osd pool application enable images rbd',
    ]
    assert parsed(node.ceph2_conf)['client.glance']['keyring'] == (
        f'{etc}/ceph.client.glance.keyring'
    )


# The default image


@pytest.mark.parametrize(
    ('image', 'words'),
    [
        ({'IMAGE_status': 'queued'}, 'did not become active'),
        ({'IMAGE_disk_format': 'qcow2'}, 'was not converted'),
        ({'IMAGE_properties': "{'stores': 'robust'}"}, 'in store cheap'),
        ({'IMAGE_properties': "{'stores': 'cheap,robust'}"}, 'in store cheap'),
    ],
)
def test_image_that_would_make_the_tests_worthless(node, image, words):
    outcome = node.run(*PREPARE, 'stack extra', **image)
    assert words in outcome.refusal


def test_no_default_image_is_waited_for_where_none_is_uploaded(node):
    outcome = node.run(*PREPARE, 'stack extra', IMAGE_URLS='')
    assert outcome.status == 0
    assert not outcome.of('openstack')


# The check


def test_check_is_as_a_user_beside_the_service_user(stacked):
    node, outcome = stacked
    (command,) = outcome.of('runuser')
    assert ' '.join(command) == (
        f'-u {getpass.getuser()} -- env OS_CLOUD=devstack '
        '/opt/stack/data/venv/bin/rbd-multistore '
        f'--config-file {node.nova_cpu_conf} check'
    )


def test_warning_of_the_check_is_no_failure(node):
    outcome = node.run(*PREPARE, 'stack test-config', CHECK_STATUS='1')
    assert outcome.status == 0


@pytest.mark.parametrize('status', ['2', '127'])
def test_failure_of_the_check(node, status):
    outcome = node.run(*PREPARE, 'stack test-config', CHECK_STATUS=status)
    assert 'RBD_MULTISTORE_CHECK=False' in outcome.refusal


def test_check_is_left_out_if_so_wanted(node_with):
    node = node_with(RBD_MULTISTORE_CHECK='False')
    assert not node.stack().of('runuser')
