# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with libvirt, the key and the cluster is told, with what
to change and where."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded
from tests.functional.operator.pools import RBD, Clients, Pools
from tests.functional.operator.reports import CLOUD, CLUSTER, Report
from tests.lab.state import cephx_key, free_ports

Check = Callable[..., Report]

# librados learns by it alone that a monitor is not there, or knows no such
# key.
CEPH_TIMEOUT_S = 3


def _gated(report: Report, gate: str) -> str:
    """Return what is told of what is wrong, behind which nothing more of its
    group is tried, but all of the cloud."""
    before = CLUSTER[: CLUSTER.index(gate) + 1]
    assert report.status == 2
    assert tuple(report.rows) == (*before, *CLOUD)
    # The store cannot be compared with a cluster that is not known.
    assert report.bad() == {gate: 'failure', 'store': 'warning'}
    return f'{report[gate].detail} {report[gate].remedy}'


# -- libvirt ------------------------------------------------------------------


def test_libvirt_that_is_not_there(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    tmp_path: Path,
) -> None:
    uri = f'qemu+unix:///system?socket={tmp_path}/none'
    told = _gated(check(operator_with(libvirt_uri=uri)), 'libvirt pool')
    assert f'Cannot connect to libvirt at {uri}' in told
    assert 'libvirt_uri' in told


def test_pool_that_libvirt_has_not(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    unique: Callable[[str], str],
) -> None:
    name = unique('pool')
    told = _gated(check(operator_with(libvirt_pool=name)), 'libvirt pool')
    assert f'libvirt has no storage pool {name}' in told
    assert 'rbd-multistore pool define' in told
    assert 'libvirt_pool' in told


def test_pool_of_another_type(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    directory_pool: str,
) -> None:
    report = check(operator_with(libvirt_pool=directory_pool))
    told = _gated(report, 'libvirt pool')
    assert f'{directory_pool} is of type dir, not rbd' in told
    assert 'libvirt_pool' in told


# -- the secret ---------------------------------------------------------------


@pytest.mark.parametrize('is_defined', [True, False])
def test_secret_without_a_value(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    pools: Pools,
    is_defined: bool,
) -> None:
    secret = pools.secret(None) if is_defined else str(uuid.uuid4())
    report = check(operator_with(libvirt_pool=pools.define(secret)))
    told = _gated(report, 'secret')
    assert f'no value for the secret {secret}' in told
    assert 'virsh secret-set-value' in told
    assert 'rbd-multistore pool define' in told


def test_secret_with_another_users_key(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    pools: Pools,
) -> None:
    pool = pools.define(pools.secret(base64.b64decode(cephx_key())))
    report = check(
        operator_with(libvirt_pool=pool, ceph_timeout=CEPH_TIMEOUT_S)
    )
    told = _gated(report, 'cluster')
    assert 'Cannot connect to the Ceph cluster' in told
    assert 'that its key is the one of its user' in told


def test_secret_with_no_key_at_all(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    pools: Pools,
) -> None:
    """librados would print it on stderr, were it handed it."""
    value = b'not to be shown'
    pool = pools.define(pools.secret(value))
    program = operator_with(libvirt_pool=pool)
    told = _gated(check(program), 'cluster')
    assert 'no cephx key' in told
    outcome = program.run('check')
    shown = outcome.stdout + outcome.stderr
    assert base64.b64encode(value).decode() not in shown


# -- the cluster --------------------------------------------------------------


def test_monitors_that_are_not_there(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    pools: Pools,
    lab_key: bytes,
) -> None:
    secret = pools.secret(lab_key)
    pool = pools.define(secret, port=next(free_ports()))
    report = check(
        operator_with(libvirt_pool=pool, ceph_timeout=CEPH_TIMEOUT_S)
    )
    told = _gated(report, 'cluster')
    assert 'did not answer in time' in told
    assert 'monitors of the pool can be reached' in told


@pytest.fixture
def with_rights(
    operator: Program,
    operator_with: Callable[..., Program],
    clients: Clients,
    pools: Pools,
) -> Callable[[str], Program]:
    """Gives the program with a cephx user that has those rights, in a pool
    that was defined for it."""

    def define(osd: str) -> Program:
        pool = pools.name()
        operator.done(*clients(osd).define(pool))
        return operator_with(libvirt_pool=pool)

    return define


def test_user_without_caps_on_the_pool(
    cached: Uploaded,
    with_rights: Callable[[str], Program],
    check: Check,
) -> None:
    report = check(with_rights(f'{RBD} pool=images'))
    assert report.status == 2
    assert report.bad() == {
        'read the pool': 'failure',
        'write to the pool': 'failure',
    }
    for name in report.bad():
        assert 'the cephx user may not' in report[name].detail
        assert "osd 'profile rbd pool=DISKS" in report[name].remedy
        assert 'ceph auth caps' in report[name].remedy


def test_user_that_may_only_read_the_pool(
    cached: Uploaded,
    with_rights: Callable[[str], Program],
    check: Check,
) -> None:
    program = with_rights(f'{RBD}-read-only pool=vms, {RBD} pool=images')
    report = check(program, '--deep')
    assert report.status == 2
    assert report.bad() == {
        'write to the pool': 'failure',
        'clone': 'failure',
    }
    for name in report.bad():
        assert 'the cephx user may not' in report[name].detail
    assert 'ceph auth caps' in report['write to the pool'].remedy


def test_user_without_caps_on_the_images(
    cached: Uploaded,
    with_rights: Callable[[str], Program],
    check: Check,
) -> None:
    """Only the clone shows it."""
    report = check(with_rights(f'{RBD} pool=vms'), '--deep')
    assert report.status == 2
    assert report.bad() == {'clone': 'failure'}
    assert 'pool of the images' in report['clone'].detail


def test_user_with_what_is_needed(
    cached: Uploaded,
    with_rights: Callable[[str], Program],
    check: Check,
) -> None:
    """The least that is enough; the lab's own user has what is advised."""
    program = with_rights(f'{RBD} pool=vms, {RBD}-read-only pool=images')
    assert check(program, '--deep').bad() == {}


def test_deep_without_a_cluster(
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
    unique: Callable[[str], str],
) -> None:
    """The clone is tried on its own, and tells the same."""
    name = unique('pool')
    report = check(operator_with(libvirt_pool=name), '--deep')
    assert report.status == 2
    assert report.bad()['clone'] == 'failure'
    assert f'libvirt has no storage pool {name}' in report['clone'].detail
