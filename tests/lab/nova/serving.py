# SPDX-License-Identifier: Apache-2.0
"""Daemons that are put right: a running one that was started from another
configuration than is wanted now is started anew."""

import hashlib
from pathlib import Path

from tests.lab import layout, process


def serve(daemon: process.Daemon, *made_from: str) -> bool:
    """Have the daemon run, made from these texts; True if this started it.

    What it was made from is remembered beside its process id, and only once
    it has been started: a lab that was killed meanwhile starts it once too
    often, not once too seldom.
    """
    digest = hashlib.sha256('\0'.join(made_from).encode()).hexdigest()
    if daemon.running() and _remembered(daemon) != digest:
        daemon.stop()
    started = daemon.start()
    layout.write(_mark(daemon), digest)
    return started


def _remembered(daemon: process.Daemon) -> str:
    try:
        return _mark(daemon).read_text()
    except FileNotFoundError:
        return ''


def _mark(daemon: process.Daemon) -> Path:
    return daemon.pid_file.with_suffix('.made-from')
