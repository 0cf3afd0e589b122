# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

import pytest

from rbd_multistore import exceptions
from rbd_multistore.ceph.snapshot import Snapshot
from rbd_multistore.copying.progress import Phase, Progress
from rbd_multistore.glance.image import Image
from rbd_multistore.glance.service import ImageService
from tests.unit.cli.conftest import Ended, Run, Site
from tests.unit.glance.memory import Client
from tests.unit.parts import MIB, Parts

GIB = 1 << 30
JSON = ('-f', 'json')


def test_create_by_a_hit(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a', name='one')
    ended = run('volume', 'create', 'v', '--image', 'one', *JSON)
    assert ended.status == 0
    assert ended.document == {
        'name': 'v',
        'pool': 'vms',
        'size': 64 * MIB,
        'parent': f'images/{image.id}@snap',
        'copied': False,
        'seconds': 3,
    }
    assert ended.err == ''


def test_create_by_a_miss(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    ended = run(
        'volume', 'create', 'v', '--image', image.id, '--size', '2', *JSON
    )
    assert ended.status == 0
    assert ended.document['copied'] is True
    assert ended.document['size'] == 2 * GIB
    assert parts.volumes.show('v').size_bytes == 2 * GIB


def test_create_blank(run: Run, parts: Parts) -> None:
    ended = run('volume', 'create', 'v', '--size', '1', *JSON)
    assert ended.document == {
        'name': 'v',
        'pool': 'vms',
        'size': GIB,
        'parent': '',
        'copied': False,
        'seconds': 3,
    }
    assert parts.volumes.show('v').parent is None


def test_create_needs_an_image_or_a_size(run: Run, parts: Parts) -> None:
    ended = run('volume', 'create', 'v')
    assert ended.status == 2
    assert '--image, --size, or both' in ended.err
    assert parts.volumes.names() == ()


def test_create_what_is_there(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a')
    parts.volumes.create('v', MIB)
    for what in (['--image', image.id], ['--size', '1']):
        ended = run('volume', 'create', 'v', *what)
        assert ended.status == 1
        assert ended.err.startswith('error: ')
        assert ended.out == ''


def test_create_too_small(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a', min_disk_gib=2)
    ended = run('volume', 'create', 'v', '--image', image.id, '--size', '1')
    assert ended.status == 1
    assert str(2 * GIB) in ended.err
    assert parts.volumes.names() == ()


def copying(image_id: str) -> Progress:
    return Progress(image_id, 'site_a', Phase.STAGING, 1.0, 64 * MIB)


def test_create_tells_of_the_copy(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.told = [copying(image.id)]
    ended = run('volume', 'create', 'v', '--image', image.id, *JSON)
    assert ended.document['copied'] is True
    [line] = ended.err.splitlines()
    assert line.startswith(f'image {image.id} (64 MiB) to store site_a: ')


def test_create_quietly(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.told = [copying(image.id)]
    ended = run('-q', 'volume', 'create', 'v', '--image', image.id, *JSON)
    assert ended.status == 0
    assert ended.err == ''
    assert ended.document['copied'] is True


def test_failed_copy_quietly(run: Run, parts: Parts) -> None:
    image = parts.add_image('central')
    parts.copier.error = exceptions.CopyFailed('it failed', 'i', 'site_a')
    ended = run('-q', 'volume', 'create', 'v', '--image', image.id)
    assert ended.status == 1
    assert ended.err == 'error: it failed\n'
    assert ended.out == ''


def test_list(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a', name='one')
    parts.backend.create_from_image('w', image.id)
    parts.volumes.create('v', MIB)
    ended = run('volume', 'list', *JSON)
    assert ended.document == [
        {'name': 'v', 'size': MIB, 'parent': '', 'image': ''},
        {
            'name': 'w',
            'size': 64 * MIB,
            'parent': f'images/{image.id}@snap',
            'image': 'one',
        },
    ]
    assert ended.err == ''


def images_listed(ended: Ended) -> dict[str, str]:
    assert ended.status == 0
    return {row['name']: row['image'] for row in ended.document}


def test_list_asks_for_all_names_at_once(
    run: Run, site: Site, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no further than it has to."""
    ids = [f'00000000-0000-4000-8000-00000000000{n}' for n in range(4)]
    for number, image_id in enumerate(ids):
        parts.add_image('site_a', id=image_id, name=f'image-{number}')
    for number in (0, 1, 0, 1):
        name = f'v{len(parts.volumes.names())}'
        parts.backend.create_from_image(name, ids[number])
    asked = []

    def all_images() -> Iterator[Image]:
        for image in parts.cloud.images.values():
            asked.append(image.id)
            yield image

    monkeypatch.setattr(site.images, 'all', all_images)
    assert images_listed(run('volume', 'list', *JSON)) == {
        'v0': 'image-0',
        'v1': 'image-1',
        'v2': 'image-0',
        'v3': 'image-1',
    }
    assert asked == ids[:2]


def test_list_shows_by_id_what_the_caller_may_not_see(
    run: Run, site: Site, parts: Parts
) -> None:
    image = parts.add_image('site_a', name='secret')
    parts.backend.create_from_image('v', image.id)
    site.images = ImageService(
        Client(parts.cloud, sees=()),  # type: ignore[arg-type]
        Client(parts.cloud, may_read=True),  # type: ignore[arg-type]
    )
    assert images_listed(run('volume', 'list', *JSON)) == {'v': image.id}


@pytest.mark.parametrize(
    'error',
    [
        exceptions.GlanceUnavailable('Glance is away.'),
        exceptions.ConfigError('no credentials'),
    ],
)
def test_list_without_glance(
    run: Run,
    site: Site,
    parts: Parts,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    image = parts.add_image('site_a')
    parts.backend.create_from_image('v', image.id)

    def away(_site: Site) -> None:
        raise error

    del site.images
    monkeypatch.setattr(Site, 'images', property(away), raising=False)
    ended = run('volume', 'list', *JSON)
    assert images_listed(ended) == {'v': image.id}
    assert ended.err == f'warning: Images are shown by id: {error}\n'
    quiet = run('volume', 'list', '-n', *JSON)
    assert images_listed(quiet) == {'v': image.id}
    assert quiet.err == ''


def test_list_of_clones_of_no_image(
    run: Run, site: Site, parts: Parts
) -> None:
    """Nothing is asked of Glance."""
    parts.ceph.upload('images', 'by-hand', MIB)
    parts.volumes.clone(Snapshot('images', 'by-hand', 'snap'), 'v', None)
    del site.images
    assert images_listed(run('volume', 'list', *JSON)) == {'v': ''}


def test_list_nothing(run: Run) -> None:
    assert run('volume', 'list', *JSON).document == []


def test_list_one_column_as_values(run: Run, parts: Parts) -> None:
    parts.volumes.create('v', MIB)
    ended = run('volume', 'list', '-f', 'value', '-c', 'name')
    assert ended.out == 'v\n'


@pytest.mark.parametrize('form', ['table', 'json', 'yaml', 'value'])
def test_list_in_every_form(run: Run, parts: Parts, form: str) -> None:
    parts.volumes.create('volume-in-the-list', MIB)
    ended = run('volume', 'list', '-f', form)
    assert ended.status == 0
    assert 'volume-in-the-list' in ended.out


def test_show(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a')
    parts.backend.create_from_image('v', image.id)
    assert run('volume', 'show', 'v', *JSON).document == {
        'name': 'v',
        'pool': 'vms',
        'size': 64 * MIB,
        'parent': f'images/{image.id}@snap',
    }


def test_resize(run: Run, parts: Parts) -> None:
    parts.volumes.create('v', MIB)
    ended = run('volume', 'resize', 'v', '--size', '2', *JSON)
    assert ended.document == {
        'name': 'v',
        'pool': 'vms',
        'size': 2 * GIB,
        'parent': '',
    }
    assert parts.volumes.show('v').size_bytes == 2 * GIB


def test_resize_never_cuts_off(run: Run, parts: Parts) -> None:
    parts.volumes.create('v', 2 * GIB)
    ended = run('volume', 'resize', 'v', '--size', '1')
    assert ended.status == 1
    assert 'never made smaller' in ended.err
    assert parts.volumes.show('v').size_bytes == 2 * GIB


def test_flatten(run: Run, parts: Parts) -> None:
    image = parts.add_image('site_a')
    parts.backend.create_from_image('v', image.id)
    ended = run('volume', 'flatten', 'v', *JSON)
    assert ended.document['parent'] == ''
    assert parts.volumes.show('v').parent is None


@pytest.mark.parametrize('trash', [False, True])
def test_delete(run: Run, parts: Parts, trash: bool) -> None:
    parts.volumes.create('v', MIB)
    parts.volumes.create('w', MIB)
    ended = run('volume', 'delete', 'v', *(['--trash'] if trash else []))
    assert (ended.status, ended.out, ended.err) == (0, '', '')
    assert parts.volumes.names() == ('w',)
    assert parts.ceph.trash['vms'] == (['v'] if trash else [])


@pytest.mark.parametrize(
    'command', ['show', 'resize', 'flatten', 'delete', 'xml']
)
def test_what_is_not_there(run: Run, command: str) -> None:
    size = ['--size', '1'] if command == 'resize' else []
    ended = run('volume', command, 'nowhere', *size)
    assert ended.status == 1
    assert ended.err.startswith('error: ')
    assert 'nowhere' in ended.err
    assert ended.out == ''


def test_xml(run: Run, site: Site) -> None:
    site.volumes.create('v', MIB)
    ended = run('volume', 'xml', 'v')
    assert (ended.status, ended.out) == (0, '<disk name="v"/>\n')
    run('volume', 'xml', 'v', '--target', 'sda', '--bus', 'scsi')
    assert site.asked_for == [('v', 'vda', 'virtio'), ('v', 'sda', 'scsi')]
