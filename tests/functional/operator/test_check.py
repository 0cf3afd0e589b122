# SPDX-License-Identifier: Apache-2.0
"""``check`` where all is well, and how it tells the worst."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.functional.operator.people import People
from tests.functional.operator.reports import CLOUD, CLUSTER, DEEP, Report
from tests.lab import images
from tests.lab.ceph import Cluster
from tests.lab.lab import Lab

Check = Callable[..., Report]


@pytest.mark.parametrize('who', ['operator', 'demo'])
def test_all_is_well(
    site_a: Cluster,
    cached: Uploaded,
    check: Check,
    who: str,
    request: pytest.FixtureRequest,
) -> None:
    """With the service user alone, and with a plain member beside it."""
    report = check(request.getfixturevalue(who), '--deep')
    assert report.bad() == {}
    assert report.status == 0
    assert tuple(report.rows) == (*CLUSTER, *CLOUD, *DEEP)
    assert 'Ceph pool vms, user nova' in report['libvirt pool'].detail
    assert site_a.state.secret_uuid in report['secret'].detail
    assert report['cluster'].detail == site_a.fsid
    for library in ('librados', 'ceph', 'libvirt', 'QEMU'):
        assert f'{library} ' in report['versions'].detail
    assert 'rbd-multistore in project service' in report['credentials'].detail
    assert ('demo in project demo' in report['credentials'].detail) is (
        who == 'demo'
    )
    for store in ('central', 'site_a', 'site_b'):
        assert store in report['glance'].detail
    assert report['store'].detail == 'site_a: rbd, pool images'
    assert report['clone'].detail.startswith('images/')
    assert '@snap in ' in report['clone'].detail


def test_what_is_asked_of_an_image_changes_nothing_of_it(
    upload: Uploads, demo: Program, check: Check
) -> None:
    """The copy to nowhere is not even begun."""
    image = upload()
    before = upload.record(image)
    report = check(demo, '--deep')
    assert report['locations'].detail.endswith(f'1 of {image.id}')
    assert report['copy policy'].detail == 'copies are allowed'
    assert upload.record(image) == before
    tasks = upload.images.admin.images.get_associated_image_tasks(image.id)
    assert tasks['tasks'] == []


def test_table_for_people(
    cached: Uploaded,
    demo: Program,
    demo_with: Callable[..., Program],
    nothing_left: Callable[[], AbstractContextManager[None]],
) -> None:
    with nothing_left():
        outcome = demo.run('check')
    assert (outcome.status, outcome.stderr) == (0, '')
    _, head, _, *rows, _ = outcome.stdout.splitlines()
    titles = [title.strip() for title in head.strip('|').split('|')]
    assert titles == ['check', 'result', 'detail', 'what to do']
    assert len(rows) == len(CLUSTER) + len(CLOUD)
    with nothing_left():
        worse = demo_with(glance_store_name='site_z').run('check')
    assert (worse.status, worse.stderr) == (2, '')
    assert 'Set glance_store_name to one of them' in worse.stdout


def test_the_other_site(
    site_b: Cluster, upload: Uploads, demo_at_b: Program, check: Check
) -> None:
    image = upload('site_b')
    report = check(demo_at_b, '--deep')
    assert report.bad() == {}
    assert report['cluster'].detail == site_b.fsid
    assert image.parent in report['clone'].detail


# -- warnings -----------------------------------------------------------------


def test_no_image_at_all(
    people: People, operator: Program, check: Check
) -> None:
    """Somebody who has none cannot try what needs one, and is told so."""
    newcomer = operator.as_somebody(people('member').environ)
    report = check(newcomer, '--deep')
    assert report.status == 1
    assert report.bad() == {
        'locations': 'warning',
        'copy policy': 'warning',
        'clone': 'warning',
    }
    for name in ('locations', 'copy policy'):
        assert 'no active image' in report[name].detail
        assert 'Upload an image' in report[name].remedy
    assert 'no active raw image is in the store' in report['clone'].detail
    assert 'rbd-multistore image copy IMAGE' in report['clone'].remedy


def test_no_image_in_the_store(
    lab: Lab,
    people: People,
    upload: Uploads,
    operator: Program,
    check: Check,
) -> None:
    """What the remedy says then mends it."""
    somebody = people('member')
    with somebody.session() as session:
        image = upload(by=images.client(lab, session))
    program = operator.as_somebody(somebody.environ)
    report = check(program, '--deep')
    assert report.status == 1
    assert report.bad() == {'clone': 'warning'}
    program.done('image', 'copy', image.id)
    report = check(program, '--deep')
    assert report.status == 0
    assert image.parent in report['clone'].detail


def test_administrator_of_the_cluster(
    lab: Lab,
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
) -> None:
    admin = operator_with(
        ceph_conf=lab.paths.ceph_conf('site_a'), rbd_user='admin'
    )
    report = check(admin, '--deep')
    assert report.status == 1
    assert report.bad() == {'no more caps than needed': 'warning'}
    row = report['no more caps than needed']
    assert 'may administer the cluster' in row.detail
    assert 'user of its own' in row.remedy
    assert 'ceph auth caps' in row.remedy


def test_no_store(
    cached: Uploaded, operator_with: Callable[..., Program], check: Check
) -> None:
    report = check(operator_with(without=('glance_store_name',)))
    assert report.status == 1
    assert report.bad() == {'glance': 'warning'}
    assert 'Set glance_store_name' in report['glance'].remedy


def test_the_worst_counts(
    lab: Lab,
    cached: Uploaded,
    operator_with: Callable[..., Program],
    check: Check,
) -> None:
    """A warning and a failure are a failure."""
    report = check(
        operator_with(
            ceph_conf=lab.paths.ceph_conf('site_a'),
            rbd_user='admin',
            glance_store_name='central',
        )
    )
    assert report.status == 2
    assert report.bad() == {
        'no more caps than needed': 'warning',
        'store': 'failure',
    }
