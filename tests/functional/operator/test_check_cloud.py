# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with Keystone, Glance and the rights there is told, with
what to change and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.functional.operator.people import People
from tests.functional.operator.reports import CLOUD, CLUSTER, DEEP, Report
from tests.lab import ceph, keystone
from tests.lab.lab import Lab

Check = Callable[..., Report]

NOWHERE = 'http://127.0.0.1:1'


def _gated(report: Report, gate: str) -> str:
    """Return what is told of the only thing that is wrong, behind which
    nothing more of its group is tried."""
    before = CLOUD[: CLOUD.index(gate) + 1]
    assert report.status == 2
    assert tuple(report.rows) == (*CLUSTER, *before)
    assert report.bad() == {gate: 'failure'}
    return f'{report[gate].detail} {report[gate].remedy}'


# -- credentials --------------------------------------------------------------


def test_no_credentials(
    lab: Lab, operator_with: Callable[..., Program], check: Check
) -> None:
    options = ('auth_type', *lab.keystone.credentials(keystone.SERVICE))
    report = check(operator_with(without=options))
    told = _gated(report, 'credentials')
    assert 'No credentials for Glance' in told
    assert 'auth_type' in told
    assert '[rbd_multistore]' in told
    assert 'OS_*' in told


def test_incomplete_credentials(
    operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(without=('auth_url',)))
    told = _gated(report, 'credentials')
    assert '[rbd_multistore]' in told
    assert 'auth_url' in told


def test_wrong_password(
    operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(password='wrong'))
    told = _gated(report, 'credentials')
    assert '401' in told
    assert 'password' in told
    assert 'config file' in told


def test_wrong_password_of_the_caller(
    demo: Program, demo_environ: dict[str, str], check: Check
) -> None:
    """The config file's credentials do not make up for the caller's."""
    wrong = demo.as_somebody({**demo_environ, 'OS_PASSWORD': 'wrong'})
    told = _gated(check(wrong), 'credentials')
    assert '401' in told
    assert 'OS_* in the environment' in told


def test_wrong_password_of_the_service_user(
    demo_with: Callable[..., Program], check: Check
) -> None:
    """Nor the other way round."""
    told = _gated(check(demo_with(password='wrong')), 'credentials')
    assert '401' in told
    assert 'config file' in told


def test_keystone_that_is_not_there(
    operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(auth_url=f'{NOWHERE}/v3'))
    told = _gated(report, 'credentials')
    assert 'No answer from Glance or Keystone' in told
    assert NOWHERE in told
    assert 'Correct auth_url' in told


# -- Glance and its stores ----------------------------------------------------


def test_glance_that_is_not_there(
    operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(endpoint_override=NOWHERE))
    told = _gated(report, 'glance')
    assert NOWHERE in told
    assert 'glance-api runs' in told


def test_region_without_glance(
    operator_with: Callable[..., Program], check: Check
) -> None:
    told = _gated(check(operator_with(region_name='Mars')), 'glance')
    assert 'Mars' in told
    assert 'region_name' in told


def test_store_that_glance_has_not(
    operator_with: Callable[..., Program], check: Check
) -> None:
    told = _gated(check(operator_with(glance_store_name='site_z')), 'glance')
    assert 'no store site_z; stores central, site_a, site_b' in told
    assert 'Set glance_store_name to one of them' in told


def test_store_of_files(
    cached: Uploaded, operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(glance_store_name='central'))
    assert report.status == 2
    assert report.bad() == {'store': 'failure'}
    assert report['store'].detail == 'central is of type file, not rbd'
    assert 'Set glance_store_name to an RBD store' in report['store'].remedy


def test_store_of_another_cluster(
    lab: Lab,
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
) -> None:
    report = check(operator_with(glance_store_name='site_b'))
    assert report.status == 2
    assert report.bad() == {'store': 'failure'}
    for cluster in lab.clusters.values():
        assert cluster.fsid in report['store'].detail
    for option in ('glance_store_name', 'libvirt_pool'):
        assert option in report['store'].remedy


# -- rights -------------------------------------------------------------------


def _as_service_user(credentials: dict[str, str]) -> dict[str, Any]:
    return {'auth_type': 'password', **credentials}


@pytest.mark.parametrize('who', ['demo', 'operator'])
def test_service_user_without_any_role(
    lab: Lab,
    cached: Uploaded,
    conf_with: Callable[..., Path],
    check: Check,
    who: str,
    request: pytest.FixtureRequest,
) -> None:
    """A plain member in its place, with a caller beside it and without."""
    program: Program = request.getfixturevalue(who)
    credentials = lab.keystone.credentials(keystone.DEMO)
    conf = conf_with(**_as_service_user(credentials))
    report = check(program.with_conf(conf), '--deep')
    assert report.status == 2
    assert report.bad() == {
        'store': 'warning',
        'locations': 'failure',
        'copy policy': 'failure',
        'clone': 'failure',
    }
    assert 'does not tell what site_a is' in report['store'].detail
    assert 'glance_store_pool' in report['store'].remedy
    for name in ('store', 'locations'):
        assert 'service user the role service' in report[name].remedy
    for name in ('locations', 'clone'):
        assert 'fetch_image_location' in report[name].detail
    assert 'README' in report['locations'].remedy
    assert 'copy_image' in report['copy policy'].detail
    assert 'Allow copy_image to the service' in report['copy policy'].remedy


def test_service_user_that_may_not_copy(
    people: People,
    upload: Uploads,
    admin_glance: Any,
    demo_with: Callable[..., Program],
    check: Check,
) -> None:
    """With Glance's defaults, the role service alone reads and no more."""
    image = upload('site_a', by=admin_glance, visibility='public')
    lean = people('service').credentials
    report = check(demo_with(**_as_service_user(lean)), '--deep')
    assert report.status == 2
    assert report.bad() == {'copy policy': 'failure'}
    assert image.id in report['locations'].detail
    assert image.parent in report['clone'].detail
    row = report['copy policy']
    assert 'copy_image' in row.detail
    assert 'Allow copy_image to the service user' in row.remedy
    assert 'Who needs which right' in row.remedy


def test_service_user_that_sees_no_private_image(
    people: People,
    upload: Uploads,
    demo_with: Callable[..., Program],
    check: Check,
) -> None:
    """Nor the locations of somebody's own image, unless a policy lets it."""
    upload('site_a')
    lean = people('service').credentials
    report = check(demo_with(**_as_service_user(lean)))
    assert report.status == 2
    assert report.bad() == {
        'locations': 'failure',
        'copy policy': 'failure',
    }
    assert 'fetch_image_location' in report['locations'].detail


def test_the_cluster_is_checked_whatever_the_cloud_says(
    site_a: ceph.Cluster,
    operator_with: Callable[..., Program],
    check: Check,
) -> None:
    report = check(operator_with(auth_url=f'{NOWHERE}/v3'), '--deep')
    assert report['cluster'].detail == site_a.fsid
    assert report.bad() == {'credentials': 'failure', 'clone': 'failure'}
    assert NOWHERE in report['clone'].detail
    assert tuple(report.rows) == (*CLUSTER, 'credentials', *DEEP)
