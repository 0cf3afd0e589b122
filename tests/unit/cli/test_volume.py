# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase, Progress
from tests.unit.cli.conftest import Run, Site
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
    image = parts.add_image('site_a')
    parts.backend.create_from_image('w', image.id)
    parts.volumes.create('v', MIB)
    ended = run('volume', 'list', *JSON)
    assert ended.document == [
        {'name': 'v', 'size': MIB, 'parent': ''},
        {
            'name': 'w',
            'size': 64 * MIB,
            'parent': f'images/{image.id}@snap',
        },
    ]


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
