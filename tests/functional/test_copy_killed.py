# SPDX-License-Identifier: Apache-2.0
"""glance-api is killed in the middle of a copy, and started again."""

import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest

from rbd_multistore import exceptions
from rbd_multistore.backend import Created
from rbd_multistore.copying.progress import Phase
from rbd_multistore.site import Site
from tests.functional.copying import (
    LONG_S,
    MIB,
    THERE,
    Cloud,
    Command,
    Pool,
    Sites,
    Watching,
    volume_name,
)
from tests.lab import wait

pytest_plugins = ['tests.functional.copy_fixtures']

STALL_S = 5.0

#: Seconds from the one look to the next, on a busy machine.
LOOK_S = 20.0


class Killing:
    """Kills Glance in the middle of a copy."""

    def __init__(self, cloud: Cloud, watching: Watching) -> None:
        self._cloud = cloud
        self._watching = watching

    def while_staging(self, site: Site, image: str) -> exceptions.CopyStalled:
        """Return what a caller is told whose copy is killed then."""
        volume = self._watching.create(site, image)
        staged = self._cloud.staging / image
        wait.until(staged.exists, 'staged bytes')
        return self._kill(volume)

    def while_uploading(
        self, site: Site, image: str, at_least_bytes: int = 0
    ) -> exceptions.CopyStalled:
        """Return what a caller is told whose copy is killed then."""
        volume = self._watching.create(site, image)
        self._watching.wait_until(Phase.UPLOADING, at_least_bytes)
        return self._kill(volume)

    def _kill(self, volume: Future[Created]) -> exceptions.CopyStalled:
        self._cloud.kill()
        killed_s = time.monotonic()
        self._cloud.start()
        with pytest.raises(exceptions.CopyStalled) as caught:
            volume.result(LONG_S)
        assert time.monotonic() - killed_s < STALL_S + LOOK_S
        return caught.value


@pytest.fixture
def killing(cloud: Cloud, watching: Watching) -> Killing:
    return Killing(cloud, watching)


def assert_tells_of_lock(
    error: exceptions.CopyStalled, cloud: Cloud, image: str
) -> None:
    """The task, what it does, when it last did, and when Glance lets go."""
    (task,) = cloud.tasks(image)
    updated = datetime.fromisoformat(task['updated_at']).replace(tzinfo=UTC)
    words = str(error)
    assert task['id'] in words
    assert task['status'] == 'processing'
    assert 'processing' in words
    for moment in (updated, updated + timedelta(hours=1)):
        assert f'{moment:%Y-%m-%d %H:%M:%S}' in words


def test_while_staging(
    cloud: Cloud,
    there: Pool,
    sites: Sites,
    killing: Killing,
) -> None:
    image = cloud.make(64, THERE)
    site = sites.open(copy_stall_timeout=STALL_S)
    with there.throttled('read', 4):
        error = killing.while_staging(site, image)

    assert 'staging' in str(error)
    assert_tells_of_lock(error, cloud, image)
    # Glance lets go of the lock, and nothing is in the way.
    cloud.expire_lock(image)
    assert site.backend.create_from_image(volume_name(image, 1), image).copied


def test_while_uploading(
    cloud: Cloud,
    here: Pool,
    sites: Sites,
    killing: Killing,
    start: Callable[..., Command],
) -> None:
    image = cloud.make(64)
    site = sites.open(copy_stall_timeout=STALL_S)
    repair = ['image', 'repair', image, '-f', 'json']

    with here.throttled('write', 4):
        error = killing.while_uploading(site, image, 16 * MIB)

    assert error.image_id == image
    told = re.search(r'uploading (\d+) of 64 MiB', str(error))
    assert told is not None
    assert 16 <= int(told[1]) < 64
    assert_tells_of_lock(error, cloud, image)

    # The cluster has not noticed yet that the writer is dead.
    assert here.watchers(image)
    conf = sites.conf()
    found = start(conf, *repair).outcome().shown
    assert found['found']
    assert 0 < found['written'] < found['size'] == 64 * MIB
    assert not found['orphan']
    assert len(found['kept_because']) == 2
    assert_kept(start(conf, *repair, '--yes'), 'have it open')

    # It has; but Glance's lock is still good.
    wait.until(lambda: not here.watchers(image), 'end of the watch')
    assert_kept(start(conf, *repair, '--yes'), 'holds the lock')
    assert image in here.names()

    # Without the repair no copy succeeds, and the error tells of it.
    cloud.expire_lock(image)
    with pytest.raises(exceptions.CopyFailed, match='image repair'):
        site.backend.create_from_image(volume_name(image, 1), image)
    assert start(conf, *repair).outcome().shown['orphan']
    assert image in here.names()

    removed = start(conf, *repair, '--yes').outcome()
    assert removed.status == 0
    assert removed.shown['removed']
    assert image not in here.names()
    assert site.backend.create_from_image(volume_name(image, 2), image).copied


def assert_kept(command: Command, why: str) -> None:
    """One line says why, and nothing is removed."""
    outcome = command.outcome()
    assert outcome.status == 1
    assert outcome.out == ''
    (line,) = outcome.err.splitlines()
    assert why in line


def test_repair_by_itself(
    cloud: Cloud,
    here: Pool,
    sites: Sites,
    killing: Killing,
) -> None:
    image = cloud.make(64)
    with here.throttled('write', 4):
        killing.while_uploading(sites.open(copy_stall_timeout=STALL_S), image)
    assert image in here.names()
    # An hour later.
    here.evict(image)
    cloud.expire_lock(image)

    site = sites.open(repair_orphans='true')
    assert site.backend.create_from_image(volume_name(image, 1), image).copied
    # The one that was killed, the one that the orphan made fail, and ours.
    assert len(cloud.tasks(image)) == 3


def test_error_while_glance_is_away(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(64)
    site = sites.open(copy_stall_timeout=STALL_S)
    with here.throttled('write', 4):
        volume = watching.create(site, image)
        watching.wait_until(Phase.UPLOADING)
        cloud.kill()
        with pytest.raises(exceptions.CopyStalled) as caught:
            volume.result(LONG_S)
        cloud.start()
    assert_tells_of_lock(caught.value, cloud, image)
