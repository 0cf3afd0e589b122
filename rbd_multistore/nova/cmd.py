# SPDX-License-Identifier: Apache-2.0
"""The program rbd-multistore-nova-compute: nova-compute with our backend."""

from __future__ import annotations

import sys
from pathlib import Path

# First: it chooses between eventlet and native threads, and nothing that
# uses either may have been imported before.
from nova.cmd import compute  # isort: skip
from oslo_log import handlers

_PROGRAM = 'nova-compute'


def main() -> None:
    """Run nova-compute, whose arguments, files and options are Nova's."""
    from rbd_multistore.nova.register import register

    _be_called_as_novas()
    register()
    compute.main()


def _be_called_as_novas() -> None:
    """Have nova-compute.conf read, and nova-compute.log written.

    oslo.config and oslo.log name files after the program, which is to be a
    drop-in for Nova's: oslo.config by ``argv[0]``, oslo.log (8.2) by the file
    that the interpreter was started with, which cannot be set.
    """
    sys.argv[0] = str(Path(sys.argv[0]).with_name(_PROGRAM))
    handlers._get_binary_name = lambda: _PROGRAM
