# SPDX-License-Identifier: Apache-2.0
"""What all unit tests run with."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.unit.fakes import libvirt, rados, rbd
from tests.unit.fakes.server import CephServer, LibvirtServer

# In the place of the C bindings, before anything imports those: see
# tests/unit/fakes/__init__.py.
for _module in (rados, rbd, libvirt):
    _name = _module.__name__.rpartition('.')[2]
    if sys.modules.setdefault(_name, _module) is not _module:
        raise pytest.UsageError(
            f'{_name} is loaded already: run tests/unit in a process of '
            'their own (make unit)'
        )

pytest.register_assert_rewrite('tests.unit.ceph.volumes_contract')


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    CephServer.reachable.clear()
    LibvirtServer.running.clear()


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    import os

    for name in list(os.environ):
        if name.startswith('OS_'):
            monkeypatch.delenv(name)
