# SPDX-License-Identifier: Apache-2.0
"""Tests on a whole Nova: ``make test-nova``."""

from tests.lab.nova.fixtures import (  # noqa: F401
    admin_cloud,
    admin_servers,
    demo_cloud,
    nova_lab,
    servers,
    stock,
)
