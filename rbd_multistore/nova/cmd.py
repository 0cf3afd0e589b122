# SPDX-License-Identifier: Apache-2.0
"""The program rbd-multistore-nova-compute: nova-compute with our backend."""

from __future__ import annotations

# First: it chooses between eventlet and native threads, and nothing that
# uses either may have been imported before.
from nova.cmd import compute  # isort: skip


def main() -> None:
    """Run nova-compute, whose arguments and options are Nova's."""
    from rbd_multistore.nova.register import register

    register()
    compute.main()
