# SPDX-License-Identifier: Apache-2.0
"""``image list``: what is here, what is missing, and what is on its way."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import SIZE_BYTES, Uploaded, Uploads
from tests.lab import ceph, wait

LIST = ('image', 'list')


def _listed(program: Program, *words: str) -> dict[str, dict[str, Any]]:
    """Return the rows by the image's id."""
    return {row['id']: row for row in program.done(*LIST, *words)}


def test_row(demo: Program, upload: Uploads) -> None:
    image = upload('central', 'site_b')
    assert _listed(demo)[image.id] == {
        'id': image.id,
        'name': image.name,
        'status': 'active',
        'disk_format': 'raw',
        'size': SIZE_BYTES,
        'stores': ['central', 'site_b'],
        'copying_to': [],
    }


def test_table_for_people(demo: Program, upload: Uploads) -> None:
    image = upload('central', 'site_b')
    outcome = demo.run(*LIST)
    assert (outcome.status, outcome.stderr) == (0, '')
    (row,) = (x for x in outcome.stdout.splitlines() if image.id in x)
    assert '| central, site_b |' in row


def test_here_and_missing(
    demo: Program,
    demo_at_b: Program,
    upload: Uploads,
    small_qcow2: Path,
) -> None:
    """Each image is one or the other, and which depends on the site."""
    images = {
        'central': upload(),
        'a': upload('site_a'),
        'b': upload('site_b'),
        'both': upload('site_a', 'site_b'),
        'qcow2': upload('site_a', path=small_qcow2, disk_format='qcow2'),
        'queued': upload.queued(),
    }
    here, missing = _listed(demo, '--here'), _listed(demo, '--missing')
    assert _which(images, here) == {'a', 'both', 'qcow2'}
    assert _which(images, missing) == {'central', 'b', 'queued'}
    assert {**here, **missing} == _listed(demo)
    assert not set(here) & set(missing)
    at_b = _listed(demo_at_b, '--here')
    assert _which(images, at_b) == {'b', 'both'}
    missing_at_b = _listed(demo_at_b, '--missing')
    assert _which(images, missing_at_b) == {'central', 'a', 'qcow2', 'queued'}


def _which(images: dict[str, Uploaded], listed: dict[str, Any]) -> set[str]:
    return {word for word, image in images.items() if image.id in listed}


def test_image_that_was_brought(demo: Program, upload: Uploads) -> None:
    image = upload()
    assert image.id in _listed(demo, '--missing')
    demo.done('image', 'copy', image.id)
    assert image.id not in _listed(demo, '--missing')
    assert _listed(demo, '--here')[image.id]['stores'] == [
        'central',
        'site_a',
    ]


@contextlib.contextmanager
def frozen(cluster: ceph.Cluster) -> Iterator[None]:
    """Nothing is written, but the monitor answers: Glance goes on at once
    when it is over."""
    cluster.daemon('osd').kill(signal.SIGSTOP)
    try:
        yield
    finally:
        cluster.start()


def test_copying(
    site_b: ceph.Cluster,
    demo: Program,
    demo_at_b: Program,
    cached: Uploaded,
    upload: Uploads,
    admin_glance: Any,
) -> None:
    """What is on its way is not here before it has come."""
    image = upload()

    def is_free() -> bool:
        return not upload.record(image).get('os_glance_import_task')

    with frozen(site_b):
        admin_glance.images.image_import(
            image.id, method='copy-image', stores=['site_b']
        )
        copying = _listed(demo, '--copying')
        missing = _listed(demo_at_b, '--missing')
    assert copying[image.id]['copying_to'] == ['site_b']
    assert copying[image.id]['stores'] == ['central']
    assert cached.id not in copying
    assert missing[image.id] == copying[image.id]
    wait.until(is_free, f'end of the copy of {image.id}')
    assert image.id not in _listed(demo, '--copying')


def test_only_what_the_caller_may_see(
    demo: Program, operator: Program, upload: Uploads, admin_glance: Any
) -> None:
    """With OS_*, the service user's sight does not count."""
    private = upload('site_a', by=admin_glance)
    public = upload('site_a', by=admin_glance, visibility='public')
    listed = _listed(demo, '--here')
    assert public.id in listed
    assert private.id not in listed
    assert {public.id, private.id} <= set(_listed(operator, '--here'))


@pytest.mark.parametrize('flag', ['--here', '--missing'])
def test_no_store(
    demo_with: Callable[..., Program], cached: Uploaded, flag: str
) -> None:
    """Nobody can tell, and what to set is said; the rest can be listed."""
    demo = demo_with(without=('glance_store_name',))
    error = demo.refused(*LIST, flag)
    assert flag in error
    assert 'set glance_store_name' in error
    assert cached.id in _listed(demo)
    assert cached.id not in _listed(demo, '--copying')


def test_one_of_them_at_a_time(demo: Program) -> None:
    outcome = demo.run(*LIST, '--here', '--missing')
    assert outcome.status == 2
    assert outcome.stdout == ''
    assert 'not allowed with' in outcome.stderr
