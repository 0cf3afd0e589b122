# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rbd_multistore.ceph.cluster import Monitor
from rbd_multistore.ceph.conf import parse_mon_host


@pytest.mark.parametrize(
    ('mon_host', 'monitors'),
    [
        ('', []),
        ('10.0.0.1', [('10.0.0.1', '')]),
        (
            '10.0.0.1,10.0.0.2:6789',
            [('10.0.0.1', ''), ('10.0.0.2', '6789')],
        ),
        (
            'a.example.org; b.example.org:3300  c',
            [('a.example.org', ''), ('b.example.org', '3300'), ('c', '')],
        ),
        ('[::1]:6789', [('::1', '6789')]),
        ('v2:10.0.0.1:3300/0', [('10.0.0.1', '3300')]),
        (
            '[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0],'
            '[v2:10.0.0.2:3300/0,v1:10.0.0.2:6789/0]',
            [('10.0.0.1', '3300'), ('10.0.0.2', '3300')],
        ),
        (
            '[v2:[2001:db8::1]:3300/0,v1:[2001:db8::1]:6789/0] [::2]:6789',
            [('2001:db8::1', '3300'), ('::2', '6789')],
        ),
    ],
)
def test_an_address_of_each_monitor(
    mon_host: str, monitors: list[tuple[str, str]]
) -> None:
    wanted = tuple(Monitor(host, port) for host, port in monitors)
    assert parse_mon_host(mon_host) == wanted
