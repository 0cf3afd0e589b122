# SPDX-License-Identifier: Apache-2.0
"""A daemon runs what it should have been made from."""

from __future__ import annotations

import pytest

from tests.lab import process
from tests.lab.nova import serving


@pytest.fixture
def daemon(tmp_path):
    one = process.Daemon(
        name='sleeper',
        command=['sleep', '600'],
        pid_file=tmp_path / 'sleeper.json',
        log=tmp_path / 'sleeper.log',
    )
    yield one
    one.stop()


def test_started(daemon):
    assert serving.serve(daemon, 'a') is True
    assert daemon.running()


def test_left_alone(daemon):
    serving.serve(daemon, 'a', 'b')
    before = daemon.identity()
    assert serving.serve(daemon, 'a', 'b') is False
    assert daemon.identity() == before


def test_started_anew_from_something_else(daemon):
    serving.serve(daemon, 'a', 'b')
    before = daemon.identity()
    assert serving.serve(daemon, 'a', 'c') is True
    assert daemon.running()
    assert daemon.identity() != before


def test_started_anew_where_nobody_knows(daemon):
    daemon.start()
    before = daemon.identity()
    assert serving.serve(daemon, 'a') is True
    assert daemon.identity() != before


def test_started_after_a_kill(daemon):
    serving.serve(daemon, 'a')
    daemon.kill()
    assert serving.serve(daemon, 'a') is True
    assert daemon.running()
