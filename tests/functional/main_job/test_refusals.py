# SPDX-License-Identifier: Apache-2.0
"""What cannot be done is refused in one line, and nothing is left of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from oslo_utils import units

from rbd_multistore import exceptions
from rbd_multistore.site import Site
from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import SIZE_BYTES, Uploaded, Uploads

NothingLeft = Callable[[], AbstractContextManager[None]]


# -- sizes --------------------------------------------------------------------


@pytest.mark.parametrize('image', ['cached', 'central'])
def test_size_below_the_image(
    library: Site,
    name: str,
    nothing_left: NothingLeft,
    image: str,
    request: pytest.FixtureRequest,
) -> None:
    """Before anything is made, and before a copy is asked for."""
    uploaded: Uploaded = request.getfixturevalue(image)
    with nothing_left(), pytest.raises(exceptions.SizeTooSmall) as caught:
        library.backend.create_from_image(
            name, uploaded.id, size_bytes=SIZE_BYTES - units.Mi
        )
    assert caught.value.least_bytes == SIZE_BYTES
    assert caught.value.asked_bytes == SIZE_BYTES - units.Mi


@pytest.mark.parametrize('store', ['site_a', 'central'])
def test_size_below_min_disk(
    demo: Program,
    upload: Uploads,
    name: str,
    nothing_left: NothingLeft,
    store: str,
) -> None:
    image = upload(store, min_disk=2)
    with nothing_left():
        error = demo.refused(
            'volume', 'create', name, '--image', image.id, '--size', '1'
        )
    assert f'at least {2 * units.Gi} bytes' in error


def test_resize_below_the_size(
    demo: Program, name: str, disks_a: Disks, nothing_left: NothingLeft
) -> None:
    demo.done('volume', 'create', name, '--size', '2')
    with nothing_left():
        error = demo.refused('volume', 'resize', name, '--size', '1')
    assert f'needs {2 * units.Gi} bytes' in error
    assert disks_a.seen(name) == (2 * units.Gi, frozenset())


@pytest.mark.parametrize('image', ['cached', ''])
def test_size_that_no_volume_can_have(
    demo: Program,
    name: str,
    nothing_left: NothingLeft,
    image: str,
    request: pytest.FixtureRequest,
) -> None:
    """A clone is made before it is resized, and removed again."""
    how = ['--size', str(2 * units.Ki * units.Ki)]
    if image:
        how += ['--image', request.getfixturevalue(image).id]
    with nothing_left():
        error = demo.refused('volume', 'create', name, *how)
    assert f'vms/{name}' in error


# -- names --------------------------------------------------------------------


@pytest.mark.parametrize('image', ['cached', 'central', ''])
def test_name_that_exists(
    demo: Program,
    name: str,
    disks_a: Disks,
    nothing_left: NothingLeft,
    image: str,
    request: pytest.FixtureRequest,
) -> None:
    """On a hit, on a miss (no copy is asked for) and for a blank volume."""
    disks_a.make(name, b'precious' * 1024, snapshot='kept')
    before = disks_a.seen(name)
    how = ['--size', '1']
    if image:
        how = ['--image', request.getfixturevalue(image).id]
    with nothing_left():
        error = demo.refused('volume', 'create', name, *how)
    assert name in error
    assert 'Choose another name' in error
    assert disks_a.seen(name) == before
    assert disks_a.read(name) == b'precious' * 1024


@pytest.mark.parametrize('bad', ['a/b', 'a@b', '', 97 * 'x'])
def test_name_that_rbd_cannot_hold(
    demo: Program, central: Uploaded, nothing_left: NothingLeft, bad: str
) -> None:
    with nothing_left():
        error = demo.refused('volume', 'create', bad, '--image', central.id)
    assert 'cannot be the name of a volume' in error


# -- images -------------------------------------------------------------------


@pytest.mark.parametrize('store', ['site_a', 'central'])
def test_qcow2(
    demo: Program,
    upload: Uploads,
    small_qcow2: Path,
    name: str,
    nothing_left: NothingLeft,
    store: str,
) -> None:
    image = upload(store, path=small_qcow2, disk_format='qcow2')
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', image.id)
    assert 'qcow2' in error
    assert 'Convert it' in error


def test_queued(
    demo: Program, upload: Uploads, name: str, nothing_left: NothingLeft
) -> None:
    image = upload.queued()
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', image.id)
    assert f'Image {image.id} is queued' in error


def test_deactivated(
    demo: Program,
    upload: Uploads,
    admin_glance: Any,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    image = upload('site_a')
    admin_glance.images.deactivate(image.id)
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', image.id)
    assert f'Image {image.id} is deactivated' in error


def test_deleted(
    demo: Program,
    upload: Uploads,
    demo_glance: Any,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    image = upload('site_a')
    demo_glance.images.delete(image.id)
    for by in (image.id, image.name):
        with nothing_left():
            error = demo.refused('volume', 'create', name, '--image', by)
        assert f'Image {by} not found' in error


@pytest.mark.parametrize('store', ['site_a', 'central'])
def test_private_image_of_another_project(
    demo: Program,
    upload: Uploads,
    admin_glance: Any,
    service_glance: Any,
    name: str,
    nothing_left: NothingLeft,
    store: str,
) -> None:
    """The service user sees it, which must not help the caller."""
    image = upload(store, by=admin_glance)
    assert service_glance.images.get(image.id)['visibility'] == 'private'
    for by in (image.id, image.name):
        with nothing_left():
            error = demo.refused('volume', 'create', name, '--image', by)
        assert f'Image {by} not found' in error


def test_image_that_never_was(
    demo: Program, name: str, nothing_left: NothingLeft
) -> None:
    for image in (str(uuid.uuid4()), name):
        with nothing_left():
            error = demo.refused('volume', 'create', name, '--image', image)
        assert f'Image {image} not found' in error


def test_ambiguous_name_of_an_image(
    demo: Program, upload: Uploads, name: str, nothing_left: NothingLeft
) -> None:
    same = [upload.queued(name=name) for _ in range(2)]
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', name)
    assert '2 images are named' in error
    for image in same:
        assert image.id in error


# -- the site -----------------------------------------------------------------


def test_wrong_store(
    demo_with: Callable[..., Program],
    central: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    """The error names the stores that there are."""
    demo = demo_with(glance_store_name='site_z')
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', central.id)
    assert 'no store site_z' in error
    assert 'central, site_a, site_b' in error


def test_store_of_another_cluster(
    demo_with: Callable[..., Program], upload: Uploads, name: str
) -> None:
    """The pool of one site with the store of the other."""
    image = upload('site_b')
    demo = demo_with(glance_store_name='site_b')
    error = demo.refused('volume', 'create', name, '--image', image.id)
    assert 'in another Ceph cluster' in error
    assert 'set glance_store_name and libvirt_pool to one site' in error


def test_no_store(
    demo_with: Callable[..., Program],
    central: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    """Nothing is ever copied, and what to set is said."""
    demo = demo_with(without=('glance_store_name',))
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', central.id)
    assert 'Set glance_store_name' in error


@pytest.mark.parametrize(
    'words', [('create', 'it', '--size', '1'), ('list',), ('show', 'it')]
)
def test_wrong_libvirt_pool(
    demo_with: Callable[..., Program],
    nothing_left: NothingLeft,
    words: tuple[str, ...],
) -> None:
    demo = demo_with(libvirt_pool='nowhere')
    with nothing_left():
        error = demo.refused('volume', *words)
    assert 'libvirt has no storage pool nowhere' in error


def test_libvirt_pool_of_another_type(
    demo_with: Callable[..., Program], directory_pool: str
) -> None:
    error = demo_with(libvirt_pool=directory_pool).refused('volume', 'list')
    assert 'is of type dir, not rbd' in error


def test_libvirt_that_is_not_there(
    demo_with: Callable[..., Program], tmp_path: Path
) -> None:
    uri = f'qemu+unix:///system?socket={tmp_path}/none'
    error = demo_with(libvirt_uri=uri).refused('volume', 'list')
    assert f'Cannot connect to libvirt at {uri}' in error


def test_keystone_that_is_not_there(
    demo_with: Callable[..., Program],
    demo_environ: dict[str, str],
    central: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    nowhere = 'http://127.0.0.1:1/v3'
    demo = demo_with(auth_url=nowhere).as_somebody(
        {**demo_environ, 'OS_AUTH_URL': nowhere}
    )
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', central.id)
    assert 'No answer from Glance or Keystone' in error


def test_wrong_password(
    demo: Program,
    demo_environ: dict[str, str],
    central: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    demo = demo.as_somebody({**demo_environ, 'OS_PASSWORD': 'wrong'})
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', central.id)
    assert '401' in error


# -- a plain member, without service credentials ------------------------------

CREDENTIALS = (
    'auth_type',
    'auth_url',
    'username',
    'password',
    'project_name',
    'user_domain_name',
    'project_domain_name',
)


def test_member_alone_may_not_copy(
    demo_with: Callable[..., Program],
    central: Uploaded,
    nothing_left: NothingLeft,
) -> None:
    demo = demo_with(without=CREDENTIALS)
    with nothing_left():
        outcome = demo.run('image', 'copy', central.id, '-f', 'json')
    assert outcome.status == 1
    (row,) = outcome.json
    assert row['outcome'] == 'failed'
    assert 'copy_image' in row['error']
    assert 'service user' in row['error']


@pytest.mark.parametrize(
    ('image', 'policy'),
    [('cached', 'fetch_image_location'), ('central', 'copy_image')],
)
def test_member_alone_gets_no_volume(
    demo_with: Callable[..., Program],
    name: str,
    nothing_left: NothingLeft,
    image: str,
    policy: str,
    request: pytest.FixtureRequest,
) -> None:
    """By default Glance neither tells a member where an image is, nor
    copies it; one line names the policy."""
    uploaded: Uploaded = request.getfixturevalue(image)
    demo = demo_with(without=CREDENTIALS)
    with nothing_left():
        error = demo.refused('volume', 'create', name, '--image', uploaded.id)
    assert policy in error


def test_nobody_at_all(
    demo_with: Callable[..., Program],
    central: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    nobody = demo_with(without=CREDENTIALS).as_somebody({})
    with nothing_left():
        error = nobody.refused('volume', 'create', name, '--image', central.id)
    assert 'No credentials for Glance' in error
