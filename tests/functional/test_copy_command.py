# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore image copy`` as an operator uses it."""

import signal
from collections.abc import Callable

from tests.functional.copying import (
    HERE,
    THERE,
    Cloud,
    Command,
    Pool,
    Sites,
)
from tests.lab import glance, wait

pytest_plugins = ['tests.functional.copy_fixtures']

Start = Callable[..., Command]


def test_several_images_to_all_stores(
    cloud: Cloud, here: Pool, sites: Sites, start: Start
) -> None:
    images = [cloud.make(32), cloud.make(16), cloud.make(16, HERE)]

    with here.throttled('write', 8):
        outcome = start(
            sites.conf(), '-v', 'image', 'copy', '--all-stores', *images
        ).outcome()

    assert outcome.status == 0, outcome
    for image in images:
        assert cloud.stores(image) == {glance.CENTRAL, HERE, THERE}
        # One request names all the stores that lack it.
        (task,) = cloud.tasks(image)
        assert task['status'] == 'success'
        # Each store's own progress: of bytes where the cluster is ours.
        assert told_of(outcome.err, image, THERE, 'copying')
        assert told_of(outcome.err, image, THERE, 'done')
    for image in images[:2]:
        assert told_of(outcome.err, image, HERE, 'uploading')
        assert told_of(outcome.err, image, HERE, 'done')
    assert {copy['image'] for copy in outcome.copies} == set(images)
    assert {copy['outcome'] for copy in outcome.copies} == {'done'}


def told_of(lines: str, image: str, store: str, phase: str) -> bool:
    """Whether a line tells that the copy to a store is in a phase."""
    return any(
        line.startswith(f'image {image} ')
        and f' to store {store}: {phase}' in line
        for line in lines.splitlines()
    )


def test_some_fail(cloud: Cloud, sites: Sites, start: Start) -> None:
    """The others are copied, and the status tells."""
    images = [cloud.make(16, HERE), 'no-such-image', cloud.make(16)]

    outcome = start(
        sites.conf(), 'image', 'copy', *images, '-f', 'json'
    ).outcome()

    assert outcome.status == 1
    rows = {row['image']: row for row in outcome.shown}
    assert [rows[image]['outcome'] for image in images] == [
        'there already',
        'failed',
        'copied',
    ]
    assert 'no-such-image' in rows['no-such-image']['error']
    assert HERE in cloud.stores(images[2])
    assert cloud.tasks(images[0]) == []


def test_no_wait(cloud: Cloud, here: Pool, sites: Sites, start: Start) -> None:
    image = cloud.make(64)
    with here.throttled('write', 4):
        outcome = start(
            sites.conf(), *f'image copy --no-wait {image} -f json'.split()
        ).outcome()
        assert outcome.status == 0
        assert outcome.shown[0]['outcome'] == 'asked'
        assert HERE not in cloud.stores(image)
    cloud.wait_until_in(image, HERE)
    assert cloud.outcomes(image) == ['success']


def test_interrupted(
    cloud: Cloud, here: Pool, sites: Sites, start: Start
) -> None:
    first, second = cloud.make(64), cloud.make(64)
    with here.throttled('write', 8):
        command = start(sites.conf(), 'image', 'copy', first, second)
        for image in (first, second):
            wait.until(lambda image=image: cloud.tasks(image), 'copy')
        wait.until(lambda: first in here.names(), 'upload')
        command.process.send_signal(signal.SIGINT)
        outcome = command.outcome()

    assert outcome.status == 130
    assert outcome.out == ''
    told = [
        line
        for line in outcome.err.splitlines()
        if not line.startswith('image ')
    ]
    assert told == ['error: interrupted; Glance goes on with a copy']
    # It does, with both.
    for image in (first, second):
        cloud.wait_until_in(image, HERE)
        assert cloud.outcomes(image) == ['success']
