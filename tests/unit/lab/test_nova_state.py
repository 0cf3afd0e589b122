# SPDX-License-Identifier: Apache-2.0
"""What the lab's Nova has drawn: it is kept, and gives way on ports."""

from __future__ import annotations

import json
import socket

from tests.lab import layout, state
from tests.lab.nova.state import COMPUTES, PORTS, NovaState

ALL = tuple(PORTS)


def test_kept(tmp_path):
    paths = layout.Layout(tmp_path)
    drawn = NovaState.load_or_draw(paths)
    assert NovaState.load_or_draw(paths) == drawn
    found = paths.nova / 'state.json'
    assert found.stat().st_mode & 0o777 == 0o600
    assert json.loads(found.read_text())['ports'] == drawn.ports


def test_drawn():
    drawn = NovaState.draw()
    assert len(set(drawn.ports.values())) == len(drawn.ports)
    assert set(drawn.ports) == {n for names in PORTS.values() for n in names}
    assert set(drawn.host_uuids) == set(COMPUTES)
    assert len(set(drawn.host_uuids.values())) == len(COMPUTES)


def test_a_port_that_an_older_lab_lacks(tmp_path):
    paths = layout.Layout(tmp_path)
    drawn = NovaState.load_or_draw(paths)
    lost = drawn.ports.pop('open-glance')
    drawn.save(paths)
    completed = NovaState.load_or_draw(paths)
    assert completed.ports == {
        **drawn.ports,
        'open-glance': completed.ports['open-glance'],
    }
    assert lost
    assert NovaState.load_or_draw(paths) == completed


def test_nothing_is_taken():
    drawn = NovaState.draw()
    assert drawn.moved(ALL) is drawn


def test_moves_from_a_taken_port(monkeypatch):
    monkeypatch.setattr(state, 'GIVEN_BACK_S', 0.2)
    drawn = NovaState.draw()
    with socket.create_server(('127.0.0.1', drawn.ports['rabbitmq'])):
        moved = drawn.moved(ALL)
        assert moved.ports['rabbitmq'] != drawn.ports['rabbitmq']
    unchanged = {**moved.ports, 'rabbitmq': drawn.ports['rabbitmq']}
    assert unchanged == drawn.ports


def test_stays_where_its_own_daemon_listens():
    drawn = NovaState.draw()
    with socket.create_server(('127.0.0.1', drawn.ports['mariadb'])):
        running = set(ALL) - {'mariadb'}
        assert drawn.moved(running) is drawn
