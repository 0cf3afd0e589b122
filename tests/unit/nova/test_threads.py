# SPDX-License-Identifier: Apache-2.0
"""The bindings, each of whose calls somebody else makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import rados
import rbd

from rbd_multistore.ceph.snapshots import Snapshots
from rbd_multistore.nova import threads
from tests.unit.parts import Parts

MIB = 1 << 20


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was called in another thread."""
    found: list[str] = []

    def execute(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        found.append(getattr(method, '__name__', ''))
        return method(*args, **kwargs)

    for module in threads._MODULES:
        for name in ('rados', 'rbd'):
            if name in vars(module):
                monkeypatch.setattr(module, name, vars(module)[name])
    threads.offload(execute)
    return found


def test_calls_into_ceph(called: list[str]) -> None:
    parts = Parts()
    volumes = parts.volumes
    cluster = volumes.cluster
    volumes.create('one', MIB)
    Snapshots(cluster, 'vms').create_protected('one', 'snap')
    assert volumes.show('one').size_bytes == MIB
    assert set(called) >= {
        'Rados',
        'connect',
        'open_ioctx',
        'RBD',
        'create',
        'Image',
        'create_snap',
        'protect_snap',
        'size',
        'close',
    }
    assert 'one' in parts.ceph.pools['vms']
    cluster.close()
    assert called[-1] == 'shutdown'


def test_errors_are_the_bindings_own(called: list[str]) -> None:
    bindings = threads.Bindings(rbd, lambda method, *args: method(*args))
    assert bindings.ImageNotFound is rbd.ImageNotFound
    assert threads.Bindings(rados, called.append).Error is rados.Error


def test_without_eventlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(threads.sys.modules, 'eventlet', raising=False)
    assert not threads.is_green()
    before = [dict(vars(module)) for module in threads._MODULES]
    threads.make_room_for_green_threads()
    assert [dict(vars(module)) for module in threads._MODULES] == before
