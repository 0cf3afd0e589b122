# SPDX-License-Identifier: Apache-2.0
"""``volume list``: hundreds of volumes, each as librbd knows it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, TypeVar

import pytest
import rados
import rbd

from tests.functional.main_job.disks import IMAGES, POOL, Disks
from tests.functional.main_job.program import Outcome, Program
from tests.functional.main_job.uploads import Uploaded, Uploads
from tests.lab import ceph

LIST = ('volume', 'list')
COUNT = 240
KINDS = 6

# Of few, as an OSD takes seconds for each that is removed again.
SNAPSHOTS = 10
THREADS = 8
MIB = 1024**2
NOWHERE = 'http://127.0.0.1:1'

_T = TypeVar('_T')


class Crowd:
    """Volumes of every kind, made behind the program's back."""

    def __init__(self, *connections: rados.Rados) -> None:
        """Take a connection for each clone format."""
        self._disks = [one.open_ioctx(POOL) for one in connections]
        self._images = [one.open_ioctx(IMAGES) for one in connections]
        self._prefix = f'crowd-{uuid.uuid4().hex[:8]}-'

    def fill(self, images: list[Uploaded]) -> None:
        """Make them: flat ones, and clones of both formats, some of which
        have grown, were flattened, or have snapshots."""
        self._in_parallel(lambda number: self._make(number, images))

    def seen_by_librbd(self) -> dict[str, tuple[int, str]]:
        """Return the size and the parent of each, from opening it."""
        return self._in_parallel(self._see)

    def remove(self) -> None:
        self._in_parallel(self._remove)
        for ioctx in (*self._disks, *self._images):
            ioctx.close()

    def _make(self, number: int, images: list[Uploaded]) -> None:
        name = self._name(number)
        rest, kind = divmod(number, KINDS)
        rest, way = divmod(rest, len(self._disks))
        disks = self._disks[way]
        if kind == 0:
            rbd.RBD().create(disks, name, (1 + number) * MIB)
            return
        image = images[rest % len(images)]
        rbd.RBD().clone(self._images[way], image.id, 'snap', disks, name)
        with rbd.Image(disks, name) as volume:
            if kind == 1:
                volume.resize(volume.size() + number * MIB)
            if number < SNAPSHOTS:
                volume.create_snap('here')
            if kind in (2, 3):
                volume.flatten()

    def _see(self, number: int) -> tuple[int, str]:
        with rbd.Image(
            self._disks[0], self._name(number), read_only=True
        ) as volume:
            try:
                parent = volume.get_parent_image_spec()
            except rbd.ImageNotFound:
                return volume.size(), ''
            return volume.size(), (
                f'{parent["pool_name"]}/{parent["image_name"]}'
                f'@{parent["snap_name"]}'
            )

    def _remove(self, number: int) -> None:
        disks, name = self._disks[0], self._name(number)
        with contextlib.suppress(rbd.ImageNotFound):
            with rbd.Image(disks, name) as volume:
                for snapshot in list(volume.list_snaps()):
                    volume.remove_snap(snapshot['name'])
            rbd.RBD().remove(disks, name)

    def _name(self, number: int) -> str:
        return f'{self._prefix}{number:03}'

    def _in_parallel(self, act: Callable[[int], _T]) -> dict[str, _T]:
        """Return what *act* gives for each of them, by name."""
        with futures.ThreadPoolExecutor(THREADS) as threads:
            given = threads.map(act, range(COUNT))
            return dict(zip(map(self._name, range(COUNT)), given, strict=True))


@pytest.fixture(scope='module')
def images(lasting: Uploads, admin_glance: Any) -> list[Uploaded]:
    """Some that the user sees, and one that it does not see."""
    mine = [lasting('site_a') for _ in range(2)]
    return [*mine, lasting('site_a', by=admin_glance)]


@pytest.fixture(scope='module')
def crowd(site_a: ceph.Cluster, images: list[Uploaded]) -> Iterator[Crowd]:
    with site_a.connect() as first, site_a.connect() as second:
        first.conf_set('rbd_default_clone_format', '1')
        second.conf_set('rbd_default_clone_format', '2')
        made = Crowd(first, second)
        try:
            made.fill(images)
            yield made
        finally:
            made.remove()


def test_hundreds(crowd: Crowd, images: list[Uploaded], demo: Program) -> None:
    *seen, unseen = images
    names = {image.parent: image.name for image in seen}
    names[unseen.parent] = unseen.id
    true = {
        name: (size, parent, names.get(parent, ''))
        for name, (size, parent) in crowd.seen_by_librbd().items()
    }
    assert {parent for _, parent, _ in true.values()} == {'', *names}
    rows = demo.done(*LIST)
    listed = {
        row['name']: (row['size'], row['parent'], row['image']) for row in rows
    }
    assert {name: listed[name] for name in true} == true
    assert [row['name'] for row in rows] == sorted(listed)


def test_clones_are_counted(
    crowd: Crowd, images: list[Uploaded], demo: Program
) -> None:
    """Of both formats, and nobody else's."""
    parents = [parent for _, parent in crowd.seen_by_librbd().values()]
    for image in images[:2]:
        shown = demo.done('image', 'show', image.id)
        # Some were flattened, and a snapshot of theirs may still need it.
        own = parents.count(image.parent)
        assert own <= shown['clones'] <= own + SNAPSHOTS
        assert own > COUNT // KINDS


@pytest.fixture
def clone(cached: Uploaded, demo: Program, name: str) -> str:
    demo.done('volume', 'create', name, '--image', cached.id)
    return name


def _image_of(outcome: Outcome, volume: str) -> str:
    assert outcome.status == 0, outcome
    rows = {row['name']: row for row in outcome.json}
    return str(rows[volume]['image'])


def test_table_for_people(demo: Program, cached: Uploaded, clone: str) -> None:
    outcome = demo.run(*LIST, '--sort-column', 'name')
    assert (outcome.status, outcome.stderr) == (0, '')
    (row,) = (x for x in outcome.stdout.splitlines() if clone in x)
    assert f'| {cached.parent} | {cached.name} |' in row


def test_without_glance(
    demo_with: Callable[..., Program],
    demo_environ: dict[str, str],
    cached: Uploaded,
    clone: str,
) -> None:
    """The list is there, without names, and says why."""
    away = {**demo_environ, 'OS_AUTH_URL': NOWHERE}
    program = demo_with(auth_url=NOWHERE).as_somebody(away)
    outcome = program.run(*LIST, '-f', 'json')
    assert _image_of(outcome, clone) == cached.id
    (line,) = outcome.stderr.splitlines()
    assert line.startswith('warning: Images are shown by id: ')
    assert NOWHERE in line
    outcome = program.run(*LIST, '--no-name-lookup', '-f', 'json')
    assert _image_of(outcome, clone) == cached.id
    assert outcome.stderr == ''


def test_hidden_image(
    demo: Program,
    upload: Uploads,
    admin_glance: Any,
    new_name: Callable[[], str],
) -> None:
    image = upload('site_a')
    volume = new_name()
    demo.done('volume', 'create', volume, '--image', image.id)
    assert _image_of(demo.run(*LIST, '-f', 'json'), volume) == image.name
    admin_glance.images.update(image.id, os_hidden=True)
    assert _image_of(demo.run(*LIST, '-f', 'json'), volume) == image.id


def test_image_in_use_elsewhere(
    demo: Program, upload: Uploads, disks_a: Disks, new_name: Callable[[], str]
) -> None:
    """Who has volumes open is not disturbed, and does not disturb."""
    image = upload('site_a')
    volume = new_name()
    demo.done('volume', 'create', volume, '--image', image.id)
    with disks_a.opened(volume, read_only=False) as held:
        held.write(b'in use', 0)
        rows = {row['name']: row for row in demo.done(*LIST)}
        assert rows[volume]['parent'] == image.parent
        held.write(b'still in use', 0)


def test_nothing_is_needed_of_the_images_pool_but_to_read(
    operator_with: Callable[..., Program],
    cached: Uploaded,
    clone: str,
    clients: Any,
    tmp_path: Path,
) -> None:
    """As the README has it: profile rbd-read-only on the images."""
    client = clients('profile rbd pool=vms, profile rbd-read-only pool=images')
    program = operator_with(
        without=('libvirt_pool',), ceph_conf=client.conf, rbd_user=client.user
    )
    with program.conf.open('a') as stream:
        stream.write('[libvirt]\nimages_rbd_pool = vms\n')
    rows = {row['name']: row for row in program.done(*LIST)}
    assert rows[clone]['parent'] == cached.parent
    assert rows[clone]['image'] == cached.name
    assert program.done('image', 'show', cached.id)['clones'] >= 1
