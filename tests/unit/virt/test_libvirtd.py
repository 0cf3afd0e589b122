# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64

import libvirt
import pytest

from rbd_multistore import exceptions
from rbd_multistore.virt.libvirtd import Libvirt
from rbd_multistore.virt.pool import Secret
from tests.unit.fakes.server import LibvirtServer
from tests.unit.virt.conftest import KEY, SECRET, URI


def touch(daemon: Libvirt) -> libvirt.virConnect:
    with daemon.doing('look') as connection:
        return connection


def test_nothing_is_connected_before_it_is_needed(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    assert server.connected == 0


def test_connection_is_kept(server: LibvirtServer, daemon: Libvirt) -> None:
    assert touch(daemon) is touch(daemon)
    assert server.connected == 1


def test_broken_connection_is_made_anew(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    first = touch(daemon)
    server.restart()
    assert touch(daemon) is not first
    assert touch(daemon).isAlive()
    assert server.connected == 2


def test_no_daemon() -> None:
    with pytest.raises(exceptions.LibvirtUnavailable) as caught:
        touch(Libvirt('qemu+unix:///system?socket=/nonexistent'))
    assert '/nonexistent' in str(caught.value)
    assert 'libvirt_uri' in str(caught.value)
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)


def test_daemon_that_comes_back(server: LibvirtServer) -> None:
    daemon = Libvirt(URI)
    LibvirtServer.running.clear()
    with pytest.raises(exceptions.LibvirtUnavailable):
        touch(daemon)
    LibvirtServer.running[URI] = server
    touch(daemon)


def test_connection_is_made_as_told(server: LibvirtServer) -> None:
    asked: list[str] = []

    def connect(uri: str) -> libvirt.virConnect:
        asked.append(uri)
        return libvirt.open(URI)

    touch(Libvirt('test:///default', connect))
    assert asked == ['test:///default']


def test_error_in_the_block_says_what_was_done(daemon: Libvirt) -> None:
    with (
        pytest.raises(exceptions.VirtError) as caught,
        daemon.doing('look at pool x') as connection,
    ):
        connection.storagePoolLookupByName('x')
    assert str(caught.value).startswith(
        'libvirt cannot look at pool x: Storage pool not found'
    )


@pytest.mark.parametrize(
    'secret', [Secret(SECRET, ''), Secret('', 'client.nova of site_a')]
)
def test_key(daemon: Libvirt, secret: Secret) -> None:
    assert base64.b64decode(daemon.key(secret)) == KEY
    assert daemon.key(secret) == 'AQBrZXk='


@pytest.mark.parametrize(
    'secret',
    [
        Secret('11111111-2222-4333-8444-555555555555', ''),
        Secret('', 'of nobody'),
    ],
)
def test_no_secret(daemon: Libvirt, secret: Secret) -> None:
    with pytest.raises(exceptions.SecretNotFound) as caught:
        daemon.key(secret)
    assert (secret.uuid or secret.usage) in str(caught.value)


def test_secret_without_a_value(
    server: LibvirtServer, daemon: Libvirt
) -> None:
    server.secrets[0].value = None
    with pytest.raises(exceptions.SecretNotFound, match='set its value'):
        daemon.key(Secret(SECRET, ''))


def test_other_trouble_with_a_secret(
    server: LibvirtServer,
    daemon: Libvirt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: object, flags: int = 0) -> bytes:
        # As libvirt 9 says it of a secret with private='yes'.
        raise libvirt.error(  # type: ignore[attr-defined]
            65, 'Invalid secret: secret is private'
        )

    monkeypatch.setattr(libvirt.virSecret, 'value', refuse)
    with pytest.raises(exceptions.VirtError, match='private') as caught:
        daemon.key(Secret(SECRET, ''))
    assert not isinstance(caught.value, exceptions.SecretNotFound)


def test_close(server: LibvirtServer, daemon: Libvirt) -> None:
    daemon.close()
    connection = touch(daemon)
    daemon.close()
    with pytest.raises(libvirt.libvirtError):
        connection.isAlive()
    touch(daemon)
    assert server.connected == 2
