# SPDX-License-Identifier: Apache-2.0
"""What ``image repair`` removes, and what it never does."""

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase
from rbd_multistore.repair import Finding
from rbd_multistore.site import Site
from tests.functional.copying import (
    HERE,
    MIB,
    Cloud,
    Pool,
    Sites,
    Watching,
    volume_name,
)

pytest_plugins = ['tests.functional.copy_fixtures']


@pytest.fixture
def site(sites: Sites) -> Site:
    return sites.open()


def found(site: Site, image: str) -> Finding:
    return site.repair.inspect(site.images, site.images.image(image))


def removed(site: Site, image: str) -> Finding:
    return site.repair.remove(site.images, site.images.image(image))


def assert_kept(site: Site, image: str, why: str) -> None:
    """It is shown with the reason, and its removal is refused for it."""
    finding = found(site, image)
    assert finding.upload is not None
    assert not finding.is_orphan
    assert any(why in reason for reason in finding.reasons)
    with pytest.raises(exceptions.RequestError, match=why):
        removed(site, image)


def test_nothing_there(cloud: Cloud, site: Site) -> None:
    image = cloud.make(16)
    assert found(site, image).upload is None
    with pytest.raises(exceptions.RequestError, match='Nothing to repair'):
        removed(site, image)


def test_orphan(cloud: Cloud, here: Pool, site: Site) -> None:
    image = cloud.make(16)
    here.orphan(image, 16)

    finding = found(site, image)
    assert finding.is_orphan
    assert finding.place == f'images/{image}'
    assert finding.upload is not None
    assert finding.upload.written_bytes == 8 * MIB
    assert image in here.names()

    assert removed(site, image) == finding
    assert image not in here.names()


def test_snapshot(cloud: Cloud, here: Pool, site: Site) -> None:
    image = cloud.make(16)
    here.orphan(image, 16)
    with here.image(image) as opened:
        opened.create_snap('backup')

    assert_kept(site, image, 'backup')
    assert image in here.names()


def test_location(cloud: Cloud, here: Pool, site: Site) -> None:
    """The whole image, which somebody took the snapshot from."""
    image = cloud.make(16, HERE)
    with here.image(image) as opened:
        opened.unprotect_snap('snap')
        opened.remove_snap('snap')

    assert_kept(site, image, f'/images/{image}/snap names it')
    assert image in here.names()


def test_client(cloud: Cloud, here: Pool, site: Site) -> None:
    image = cloud.make(16)
    here.orphan(image, 16)
    with here.image(image):
        assert_kept(site, image, 'have it open')
    removed(site, image)
    assert image not in here.names()


def test_copy_that_runs(
    cloud: Cloud,
    here: Pool,
    watching: Watching,
    site: Site,
) -> None:
    image = cloud.make(64)
    with here.throttled('write', 4):
        volume = watching.create(site, image)
        watching.wait_until(Phase.UPLOADING)
        assert_kept(site, image, 'holds the lock')
    assert volume.result().copied


def test_by_itself_never_with_a_snapshot(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(16)
    here.orphan(image, 16)
    with here.image(image) as opened:
        opened.create_snap('backup')
    site = sites.open(repair_orphans='true')

    error = watching.create(site, image).exception()

    assert 'backup' in str(error)
    with here.image(image) as opened:
        assert [one['name'] for one in opened.list_snaps()] == ['backup']


def test_by_itself(
    cloud: Cloud, here: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(16)
    here.orphan(image, 16)
    site = sites.open(repair_orphans='true')

    assert watching.create(site, image).result().copied

    assert len(cloud.tasks(image)) == 2
    assert volume_name(image) in here.clones(image)
