# SPDX-License-Identifier: Apache-2.0
"""``pool define``: what it makes, what it leaves alone, and what it keeps to
itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import Uploaded
from tests.functional.operator.pools import RIGHTS, Client, Clients, Pools
from tests.lab import ceph
from tests.lab.lab import Lab

# Writes down each process that Python is about to start.
WATCH = """\
import sys

STARTS = ('subprocess.', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.system')


def watch(event, arguments):
    if event.startswith(STARTS) or event in ('os.fork', 'os.forkpty'):
        with open({path!r}, 'a') as stream:
            print(event, arguments, file=stream)


sys.addaudithook(watch)
"""


@pytest.fixture
def client(clients: Clients) -> Client:
    return clients()


@pytest.fixture
def pool(pools: Pools) -> str:
    """A name for a storage pool, which is gone after the test."""
    return pools.name()


def test_what_it_makes(
    site_a: ceph.Cluster,
    operator: Program,
    client: Client,
    pools: Pools,
    pool: str,
) -> None:
    made = operator.done(*client.define(pool))
    secret = made.pop('secret')
    assert made == {
        'pool': 'vms',
        'libvirt_pool': pool,
        'monitors': [f'127.0.0.1 {site_a.state.mon_v2_port}'],
        'user': client.user,
    }
    assert pools.key(pool) == client.key
    assert pools.is_active(pool) is False
    root = etree.fromstring(pools.xml(pool))
    assert root.get('type') == 'rbd'
    assert root.findtext('source/name') == 'vms'
    assert root.find('source/auth').get('username') == client.user
    assert root.find('source/auth/secret').get('uuid') == secret


def test_it_works(
    operator: Program,
    operator_with: Callable[..., Program],
    client: Client,
    pool: str,
    cached: Uploaded,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    operator.done(*client.define(pool))
    program = operator_with(libvirt_pool=pool)
    cloned, blank = new_name(), new_name()
    made = program.done('volume', 'create', cloned, '--image', cached.id)
    assert made['parent'] == cached.parent
    program.done('volume', 'create', blank, '--size', '1')
    listed = {row['name'] for row in program.done('volume', 'list')}
    assert {cloned, blank} <= listed
    assert disks_a.read(cloned) == cached.data
    disk = etree.fromstring(program.run('volume', 'xml', cloned).stdout)
    assert disk.find('auth').get('username') == client.user


def test_again_changes_nothing(
    operator: Program, client: Client, pools: Pools, pool: str
) -> None:
    first = operator.done(*client.define(pool))
    before = pools.names(), pools.secrets(), pools.xml(pool)
    assert operator.done(*client.define(pool)) == first
    assert (pools.names(), pools.secrets(), pools.xml(pool)) == before


def test_again_with_another_key(
    operator: Program,
    operator_with: Callable[..., Program],
    clients: Clients,
    pools: Pools,
    pool: str,
) -> None:
    """As after the user was made anew: that key, and nothing else."""
    old = clients()
    operator.done(*old.define(pool))
    xml = pools.xml(pool)
    new = clients.anew(old)
    assert new.key != old.key
    operator.done(*new.define(pool))
    assert pools.key(pool) == new.key
    assert pools.xml(pool) == xml
    operator_with(libvirt_pool=pool).done('volume', 'list')


def test_pool_with_a_secret_of_its_own(
    operator: Program,
    clients: Clients,
    pools: Pools,
    lab_key: bytes,
) -> None:
    """What an operator defined otherwise keeps its secret, with the key of
    now."""
    nova = clients.existing('nova')
    secret = pools.secret(b'an old key')
    pool = pools.define(secret)
    xml = pools.xml(pool)
    made = operator.done(*nova.define(pool))
    assert made['secret'] == secret
    assert pools.secrets()[secret] == lab_key
    assert pools.xml(pool) == xml
    assert not pools.has_secret(pool)


# -- the key ------------------------------------------------------------------


def test_the_key_is_kept_to_itself(
    lab: Lab,
    operator: Program,
    client: Client,
    pools: Pools,
    pool: str,
    tmp_path: Path,
) -> None:
    """It is printed nowhere, however much is asked for, nor logged, and no
    program is started that could be given it."""
    started = tmp_path / 'started'
    hooks = tmp_path / 'hooks'
    hooks.mkdir()
    (hooks / 'sitecustomize.py').write_text(WATCH.format(path=str(started)))
    watched = operator.as_somebody({'PYTHONPATH': str(hooks)})
    keys = (client.key, base64.b64decode(client.key).hex())
    for words in (
        ('--debug', *client.define(pool)),
        ('-vv', *client.define(pool), '-f', 'json'),
    ):
        outcome = watched.run(*words)
        assert outcome.status == 0, outcome
        for key in keys:
            assert key not in outcome.stdout
            assert key not in outcome.stderr
        assert client.key not in ' '.join(words)
    assert not started.exists(), started.read_text()
    assert client.key not in pools.xml(pool)
    for daemon in lab.libvirt.daemons():
        assert client.key not in daemon.log.read_text(errors='replace')


def test_the_watch_sees_what_is_started(
    operator: Program, tmp_path: Path
) -> None:
    """Or the test above would see nothing wherever there was something."""
    started = tmp_path / 'started'
    (tmp_path / 'sitecustomize.py').write_text(
        WATCH.format(path=str(started))
        + "import subprocess\nsubprocess.run(['true'])\n"
    )
    watched = operator.as_somebody({'PYTHONPATH': str(tmp_path)})
    assert watched.run('--version').status == 0
    assert 'true' in started.read_text()


# -- what is there already ----------------------------------------------------


def test_another_pool_of_that_name(
    operator: Program,
    client: Client,
    clients: Clients,
    pools: Pools,
    pool: str,
) -> None:
    """Another Ceph pool or another user: refused, and nothing is touched."""
    operator.done(*client.define(pool))
    other = clients()
    before = pools.names(), pools.secrets(), pools.xml(pool)
    for words in (client.define(pool, 'images'), other.define(pool)):
        error = operator.refused(*words)
        assert f'storage pool {pool} is there and is another one' in error
        assert 'choose another name' in error
        assert 'virsh pool-undefine' in error
        assert client.key not in error
        assert other.key not in error
        assert (pools.names(), pools.secrets(), pools.xml(pool)) == before


def test_pool_of_other_monitors(
    operator: Program, clients: Clients, site_b: ceph.Cluster, pools: Pools
) -> None:
    """That of another site, say."""
    nova = clients.existing('nova')
    secret = pools.secret(b'the key of another site')
    pool = pools.define(secret, port=site_b.state.mon_v2_port)
    before = pools.secrets(), pools.xml(pool)
    error = operator.refused(*nova.define(pool))
    assert f'storage pool {pool} is there and is another one' in error
    assert (pools.secrets(), pools.xml(pool)) == before


def test_pool_of_another_type(
    operator: Program, client: Client, pools: Pools, directory_pool: str
) -> None:
    before = pools.secrets(), pools.xml(directory_pool)
    error = operator.refused(*client.define(directory_pool))
    assert f'{directory_pool} is there and is another one' in error
    assert 'choose another name' in error
    assert (pools.secrets(), pools.xml(directory_pool)) == before
    assert not pools.has_secret(directory_pool)


# -- what is given ------------------------------------------------------------


def _refused(program: Program, words: tuple[str, ...], pools: Pools) -> str:
    """Return the line that says why, where nothing was made."""
    before = pools.names(), pools.secrets()
    error = program.refused(*words)
    assert (pools.names(), pools.secrets()) == before
    return error


def test_no_such_file(
    operator: Program,
    client: Client,
    pools: Pools,
    pool: str,
    tmp_path: Path,
) -> None:
    client = Client(client.user, client.key, tmp_path / 'none.conf')
    error = _refused(operator, client.define(pool), pools)
    assert error == f'There is no file {client.conf}.'


def test_file_that_is_no_ceph_conf(
    operator: Program, client: Client, pools: Pools, pool: str
) -> None:
    client.conf.write_text('<pool/>\n')
    error = _refused(operator, client.define(pool), pools)
    assert str(client.conf) in error


def test_file_without_monitors(
    operator: Program, client: Client, pools: Pools, pool: str
) -> None:
    lines = client.conf.read_text().splitlines(keepends=True)
    client.conf.write_text(
        ''.join(line for line in lines if 'mon_host' not in line)
    )
    error = _refused(operator, client.define(pool), pools)
    assert f'{client.conf} names no monitor in mon_host' in error


def test_user_without_a_key(
    operator: Program,
    client: Client,
    pools: Pools,
    pool: str,
    unique: Callable[[str], str],
) -> None:
    nobody = unique('nobody')
    other = Client(nobody, client.key, client.conf)
    error = _refused(operator, other.define(pool), pools)
    assert f'No key for client.{nobody} in ' in error
    assert client.key not in error


@pytest.mark.parametrize('text', [None, 'no keyring at all\n'])
def test_keyring_without_it(
    operator: Program,
    client: Client,
    pools: Pools,
    pool: str,
    text: str | None,
) -> None:
    keyring = client.conf.with_suffix('.keyring')
    if text is None:
        keyring.unlink()
    else:
        keyring.write_text(text)
    error = _refused(operator, client.define(pool), pools)
    assert f'No key for client.{client.user} in {keyring}' in error
    assert 'keyring = PATH' in error


def test_libvirt_that_is_not_there(
    operator_with: Callable[..., Program],
    client: Client,
    pools: Pools,
    pool: str,
    tmp_path: Path,
) -> None:
    uri = f'qemu+unix:///system?socket={tmp_path}/none'
    program = operator_with(libvirt_uri=uri)
    error = _refused(program, client.define(pool), pools)
    assert f'Cannot connect to libvirt at {uri}' in error
    assert client.key not in error


def test_rights_are_not_its_business(
    operator: Program, clients: Clients, pools: Pools, pool: str
) -> None:
    """Nothing is asked of the cluster: also of one that is not there yet."""
    client = clients(RIGHTS)
    conf = client.conf.read_text()
    client.conf.write_text(
        ''.join(
            'mon_host = [v2:192.0.2.1:3300,v1:192.0.2.1:6789],2001:db8::1\n'
            if line.startswith('mon_host')
            else line
            for line in conf.splitlines(keepends=True)
        ).replace('2001:db8::1', '[2001:db8::1]:6789')
    )
    made = operator.done(*client.define(pool))
    assert made['monitors'] == ['192.0.2.1 3300', '2001:db8::1 6789']
    assert operator.done(*client.define(pool)) == made
