# SPDX-License-Identifier: Apache-2.0
"""The fixtures of a scene, as a plugin of pytest's."""

from collections.abc import Callable, Iterator

import pytest
from openstack import connection

from tests.functional.copying import Cloud
from tests.functional.nova import trouble
from tests.functional.nova.scene import Scene
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers


@pytest.fixture
def compute(
    nova_lab: NovaLab, admin_cloud: connection.Connection
) -> Iterator[Compute]:
    """The host of all servers of the site."""
    with trouble.only_host(nova_lab, admin_cloud, 'compute-a1') as chosen:
        yield chosen


@pytest.fixture
def scene(
    nova_lab: NovaLab,
    cloud: Cloud,
    compute: Compute,
    servers: Servers,
    unique: Callable[[str], str],
) -> Scene:
    return Scene(nova_lab, cloud, compute, servers, unique)
