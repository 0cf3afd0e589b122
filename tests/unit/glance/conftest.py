# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.glance.client import GlanceClient
from tests.unit.glance.transport import Transport


@pytest.fixture
def glance() -> Transport:
    """A Glance that knows what glanceclient asks for by itself."""
    transport = Transport()
    transport.answer('GET', '/versions', 'glance-33/versions')
    transport.answer('GET', '/v2/schemas/image', 'glance-33/schema-image')
    return transport


@pytest.fixture
def client(glance: Transport) -> GlanceClient:
    return GlanceClient(glance.endpoint())
