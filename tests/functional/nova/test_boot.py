# SPDX-License-Identifier: Apache-2.0
"""A server of a plain member's boots from an image, wherever that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import images
from tests.lab.image import BOOTED, WRITTEN
from tests.lab.nova.servers import Servers


@pytest.mark.parametrize('site', ['site_a', 'site_b'])
def test_miss_and_hit(
    servers: Servers,
    lab_images: images.Images,
    demo_glance: Any,
    small_raw: Path,
    unique: Callable[[str], str],
    site: str,
) -> None:
    """The first has the image copied to the site, the second finds it."""
    image = lab_images.upload(demo_glance, small_raw, unique('image'))
    for word in ('miss', 'hit'):
        server = servers.create(image['id'], unique(word), zone=site)
        said = servers.wait_for_console(server, WRITTEN)
        assert BOOTED in said
        assert servers.volumes(server, site) == {
            f'{server.id}_disk': f'images/{image["id"]}@snap'
        }
        record = demo_glance.images.get(image['id'])
        assert images.stores(record) == {'central', site}
        servers.delete(server)
        assert servers.volumes(server, site) == {}
