# SPDX-License-Identifier: Apache-2.0
"""``pool show``: which pool it is, whose, and what is in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded
from tests.lab import ceph, virt
from tests.lab.ceph import OSD_SIZE_BYTES
from tests.lab.lab import Lab


@pytest.mark.parametrize('site', ['site_a', 'site_b'])
def test_which_pool(
    lab: Lab, demo: Program, disks: dict[str, Disks], site: str
) -> None:
    shown = demo.with_conf(lab.paths.site_conf(site)).done('pool', 'show')
    used, available = shown.pop('used'), shown.pop('available')
    assert 0 <= used < OSD_SIZE_BYTES
    assert 0 < available <= OSD_SIZE_BYTES
    state = lab.clusters[site].state
    assert shown == {
        'pool': 'vms',
        'fsid': state.fsid,
        'volumes': len(disks[site].names()),
        'libvirt_pool': virt.pool_name(site),
        'monitors': [f'127.0.0.1 {state.mon_v2_port}'],
        'user': 'nova',
        'secret': state.secret_uuid,
    }


def test_volumes_are_counted(
    demo: Program,
    cached: Uploaded,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    before = demo.done('pool', 'show')['volumes']
    demo.done('volume', 'create', new_name(), '--image', cached.id)
    demo.done('volume', 'create', new_name(), '--size', '1')
    disks_a.make(new_name(), b'by somebody else')
    assert demo.done('pool', 'show')['volumes'] == before + 3


def test_table_for_people(
    site_a: ceph.Cluster, demo: Program, lab_key: bytes
) -> None:
    """With the monitors on a line, and without the key."""
    outcome = demo.run('pool', 'show')
    assert (outcome.status, outcome.stderr) == (0, '')
    assert f'127.0.0.1 {site_a.state.mon_v2_port} ' in outcome.stdout
    assert site_a.state.keys['client.nova'] not in outcome.stdout


def test_needs_no_glance(demo_with: Callable[..., Program]) -> None:
    nowhere = 'http://127.0.0.1:1'
    program = demo_with(auth_url=nowhere).as_somebody({})
    assert program.done('pool', 'show')['pool'] == 'vms'


def test_without_a_libvirt_pool(
    site_a: ceph.Cluster, demo_with: Callable[..., Program], lab: Lab
) -> None:
    """Where Nova's own options name it, those of libvirt's are not told."""
    program = demo_with(
        without=('libvirt_pool',),
        ceph_conf=site_a.client_conf('nova'),
        rbd_user='nova',
    )
    with program.conf.open('a') as stream:
        stream.write('[libvirt]\nimages_rbd_pool = vms\n')
    shown = program.done('pool', 'show')
    assert set(shown) == {'pool', 'fsid', 'volumes', 'used', 'available'}
    assert shown['fsid'] == site_a.fsid


def test_pool_that_libvirt_has_not(
    demo_with: Callable[..., Program], unique: Callable[[str], str]
) -> None:
    name = unique('pool')
    error = demo_with(libvirt_pool=name).refused('pool', 'show')
    assert f'libvirt has no storage pool {name}' in error
