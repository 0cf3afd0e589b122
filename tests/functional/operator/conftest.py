# SPDX-License-Identifier: Apache-2.0
"""What the tests of the operator's side share."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import libvirt
import pytest
from keystoneauth1 import session as ks_session

from tests.functional.main_job.conftest import (  # noqa: F401
    cached,
    central,
    conf_with,
    demo,
    demo_at_b,
    demo_environ,
    demo_with,
    directory_pool,
    disks,
    disks_a,
    lasting,
    name,
    new_name,
    nothing_left,
    upload,
)
from tests.functional.main_job.program import Program
from tests.functional.operator.people import People
from tests.functional.operator.pools import Clients, Pools
from tests.functional.operator.reports import Report
from tests.lab import ceph, keystone
from tests.lab.lab import Lab


@pytest.fixture(autouse=True)
def quiet_libvirt() -> None:
    """Keep libvirt's client from printing errors that are looked for."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)


@pytest.fixture
def operator(lab: Lab) -> Program:
    """The program at site_a with nothing but the config file."""
    return Program(lab.paths.site_conf('site_a'), {})


@pytest.fixture
def operator_with(
    operator: Program,
    conf_with: Callable[..., Path],  # noqa: F811
) -> Callable[..., Program]:
    """Gives the same with some options changed."""
    return lambda **changes: operator.with_conf(conf_with(**changes))


@pytest.fixture
def check(
    nothing_left: Callable[  # noqa: F811
        [], AbstractContextManager[None]
    ],
) -> Callable[..., Report]:
    """Runs the check, which must leave everything as it was."""

    def run(program: Program, *words: str) -> Report:
        with nothing_left():
            return Report.of(program.run('check', *words, '-f', 'json'))

    return run


@pytest.fixture
def people(
    lab: Lab,
    admin_session: ks_session.Session,
    unique: Callable[[str], str],
) -> Iterator[People]:
    common = lab.keystone.credentials(keystone.DEMO)
    made = People(admin_session, common, unique)
    yield made
    made.remove()


@pytest.fixture
def pools(
    lab: Lab, site_a: ceph.Cluster, unique: Callable[[str], str]
) -> Iterator[Pools]:
    with lab.libvirt.connect() as connection:
        made = Pools(connection, site_a, unique)
        yield made
        made.remove()


@pytest.fixture
def lab_key(site_a: ceph.Cluster) -> bytes:
    """The key of ``client.nova``, as libvirt has it."""
    return base64.b64decode(site_a.state.keys['client.nova'])


@pytest.fixture
def clients(
    site_a: ceph.Cluster, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[Clients]:
    with site_a.connect() as admin:
        made = Clients(site_a, admin, unique, tmp_path)
        yield made
        made.remove()
