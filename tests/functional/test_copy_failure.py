# SPDX-License-Identifier: Apache-2.0
"""Copies that fail: they are told of in seconds, and once the cause is
mended the next one succeeds."""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase
from rbd_multistore.site import Site
from tests.functional.copying import (
    HERE,
    LONG_S,
    MIB,
    Cloud,
    Command,
    Pool,
    Sites,
    Watching,
    copies,
    names,
    volume_name,
)
from tests.lab import wait

pytest_plugins = ['tests.functional.copy_fixtures']

#: Seconds in which a failure is told of; a timeout would take minutes.
SOON_S = 45.0


@contextlib.contextmanager
def staging_full(cloud: Cloud, image: str) -> Iterator[None]:
    """The image's data do not fit where Glance stages them."""
    subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=4m', 'lab', str(cloud.staging)],
        check=True,
    )
    try:
        yield
    finally:
        subprocess.run(['umount', '--lazy', str(cloud.staging)], check=True)


@contextlib.contextmanager
def source_missing(cloud: Cloud, image: str) -> Iterator[None]:
    """The file that it would be copied from is away."""
    source = cloud.source(image)
    away = source.with_suffix('.away')
    source.rename(away)
    try:
        yield
    finally:
        away.rename(source)


@contextlib.contextmanager
def orphan_in_the_way(cloud: Cloud, image: str) -> Iterator[None]:
    here = next(iter(cloud.pools.values()))
    here.orphan(image, 16)
    try:
        yield
    finally:
        here.remove(image)


#: What makes each copy of an image fail while the block takes.
Failing = Callable[[Cloud, str], contextlib.AbstractContextManager[None]]


@pytest.mark.parametrize(
    ('failing', 'attempts'),
    [
        (staging_full, 2),
        (source_missing, 2),
        # To ask again is of no use.
        (orphan_in_the_way, 1),
    ],
)
def test_failure_and_next_copy(
    cloud: Cloud,
    sites: Sites,
    failing: Failing,
    attempts: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    image = cloud.make(16)
    site = sites.open()
    began_s = time.monotonic()
    with failing(cloud, image):
        with pytest.raises(exceptions.CopyFailed) as caught:
            site.backend.create_from_image(volume_name(image), image)
        assert time.monotonic() - began_s < SOON_S
        cloud.wait_until_unlocked(image)
    assert caught.value.image_id == image
    # What Glance says of the failure stays, and is not taken for another.
    shown = cloud.show(image)
    assert names(shown, 'os_glance_failed_import') | names(
        shown, 'os_glance_importing_to_stores'
    )
    assert len(cloud.tasks(image)) == attempts
    caplog.clear()

    assert site.backend.create_from_image(volume_name(image), image).copied

    (copy,) = copies(caplog.messages)
    assert copy['outcome'] == 'done'
    assert copy['attempts'] == '1'
    assert len(cloud.tasks(image)) == attempts + 1


def test_one_attempt(cloud: Cloud, sites: Sites) -> None:
    image = cloud.make(16)
    site = sites.open(copy_attempts=1)
    with source_missing(cloud, image), pytest.raises(exceptions.CopyFailed):
        site.backend.create_from_image(volume_name(image), image)
    assert len(cloud.tasks(image)) == 1


def test_timeout(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    """It says how far the copy is; Glance goes on with it."""
    image = cloud.make(64)
    site = sites.open(copy_timeout=4)
    with here.throttled('write', 8):
        error = watching.create(site, image).exception()

    assert type(error) is exceptions.CopyTimeout
    assert 'copy_timeout' in str(error)
    assert re.search(r'uploading \d+ of 64 MiB', str(error))
    assert cloud.tasks(image)[0]['id'] in str(error)
    assert cloud.outcomes(image) == ['success']
    assert watching.create(site, image).result().copied is False


def test_stale_failure_is_seen_while_the_next_copy_begins(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    """Another's copy that failed, and ours looked at as often as may be."""
    image = cloud.make(64)
    with orphan_in_the_way(cloud, image):
        cloud.copy(image, here.cluster.name)
        cloud.wait_until_unlocked(image)
    failed = names(cloud.show(image), 'os_glance_failed_import')
    assert failed == {here.cluster.name}

    site = sites.open(copy_poll_interval=0.1, copy_attempts=1)
    with here.throttled('write', 16):
        assert watching.create(site, image).result().copied


def test_pool_quota(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    filler, image = cloud.make(16, HERE), cloud.make(16)
    with here.with_quota(8 * MIB):
        wait.until(here.is_full, 'full pool')
        began_s = time.monotonic()
        copy = watching.create(sites.open(copy_attempts=1), image)
        assert isinstance(copy.exception(), exceptions.CopyFailed)
        assert time.monotonic() - began_s < SOON_S
    names_left = here.names()
    assert filler in names_left
    assert image not in names_left

    assert watching.create(sites.open(), image).result().copied


def test_image_deleted(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(64)
    with here.throttled('write', 8):
        volume = watching.create(sites.open(), image)
        watching.wait_until(Phase.UPLOADING)
        cloud.delete(image)
        with pytest.raises(exceptions.ImageNotFound) as caught:
            volume.result(LONG_S)
    assert caught.value.image_id == image


def test_image_deactivated(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(64)
    with here.throttled('write', 8):
        volume = watching.create(sites.open(), image)
        watching.wait_until(Phase.UPLOADING)
        cloud.deactivate(image)
        with pytest.raises(exceptions.ImageNotActive) as caught:
            volume.result(LONG_S)
    assert caught.value.image_id == image


def test_nobody_may_copy(
    cloud: Cloud,
    as_demo: None,
    sites: Sites,
    start: Callable[..., Command],
) -> None:
    """A plain member, and no service credentials."""
    image = cloud.make(16)
    conf = sites.conf(auth_type=None)

    outcome = start(conf, 'image', 'copy', image, '-f', 'json').outcome()

    assert outcome.status == 1
    (row,) = outcome.shown
    assert row['outcome'] == 'failed'
    assert len(row['error'].splitlines()) == 1
    assert 'copy_image' in row['error']
    assert 'auth_type' in row['error']
    assert cloud.tasks(image) == []


def test_store_unknown(cloud: Cloud, sites: Sites) -> None:
    image = cloud.make(16)
    site: Site = sites.open(glance_store_name='site_')
    with pytest.raises(exceptions.StoreUnknown, match='site_a, site_b'):
        site.backend.create_from_image(volume_name(image), image)
    assert cloud.tasks(image) == []
