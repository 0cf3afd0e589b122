# SPDX-License-Identifier: Apache-2.0
"""The lab with a Nova as pytest fixtures, beside :mod:`tests.lab.fixtures`."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from openstack import connection

from tests.lab import fixtures, images, keystone
from tests.lab.lab import Lab
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab
from tests.lab.nova.servers import Servers, cleaned


@pytest.fixture(scope='session')
def nova_lab(lab: Lab, pytestconfig: pytest.Config) -> Iterator[NovaLab]:
    """The checkout's lab with its Nova, up.  What it adds to the lab is taken
    down at the end only if nothing of that ran at the beginning."""
    one = NovaLab.of(lab)
    found = any(daemon.running() for daemon in one.daemons())
    say = fixtures.teller(pytestconfig)
    running = one.up(say)
    yield running
    if not found and not os.environ.get(fixtures.KEEP):
        running.down(say)


@pytest.fixture(scope='session')
def admin_cloud(nova_lab: NovaLab) -> Iterator[connection.Connection]:
    """The cloud for its administrator."""
    with nova_lab.connection(keystone.ADMIN) as cloud:
        yield cloud


@pytest.fixture(scope='session')
def demo_cloud(nova_lab: NovaLab) -> Iterator[connection.Connection]:
    """The cloud for a plain member of the project ``demo``."""
    with nova_lab.connection(keystone.DEMO) as cloud:
        yield cloud


@pytest.fixture
def servers(
    nova_lab: NovaLab,
    admin_cloud: connection.Connection,
    demo_cloud: connection.Connection,
    lab_images: images.Images,
) -> Iterator[Servers]:
    """Servers of one test, created by ``demo``; they go before its images
    do."""
    with cleaned(nova_lab, admin_cloud, demo_cloud) as found:
        yield found


@pytest.fixture
def admin_servers(
    nova_lab: NovaLab,
    admin_cloud: connection.Connection,
    lab_images: images.Images,
) -> Iterator[Servers]:
    """The same by the administrator, who may choose a host."""
    with cleaned(nova_lab, admin_cloud, admin_cloud) as found:
        yield found


@pytest.fixture
def stock(nova_lab: NovaLab) -> Iterator[Callable[[str], Compute]]:
    """``stock('compute-a1')`` has Nova's own nova-compute serve that host,
    with a Glance that shows it locations, until the test is over."""
    with contextlib.ExitStack() as stack:

        def take_over(name: str) -> Compute:
            nova_lab.open_glance.start()
            one = nova_lab.stock(name)
            stack.callback(nova_lab.computes[name].start)
            one.start()
            return one

        yield take_over
