# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the tests of copies, as a plugin of pytest's."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

from tests.functional.copying import (
    HERE,
    THERE,
    Cloud,
    Command,
    Pool,
    Sites,
    Watching,
)
from tests.lab import keystone
from tests.lab.lab import Lab
from tests.lab.proxy import Proxy


@pytest.fixture(scope='session')
def image_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files lie that images are made of."""
    return tmp_path_factory.mktemp('images')


@pytest.fixture
def cloud(
    lab: Lab, admin_session: ks_session.Session, image_files: Path
) -> Iterator[Cloud]:
    made = Cloud(lab, admin_session, image_files)
    yield made
    made.clean_up()


@pytest.fixture
def here(cloud: Cloud) -> Pool:
    """The pool that images are copied to."""
    return cloud.pools[HERE]


@pytest.fixture
def there(cloud: Cloud) -> Pool:
    """The pool of the other site."""
    return cloud.pools[THERE]


@pytest.fixture
def proxy(lab: Lab) -> Iterator[Proxy]:
    """In front of Glance, for a config file's ``endpoint_override``."""
    with Proxy(lab.glance.url) as made:
        yield made


@pytest.fixture
def no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith('OS_'):
            monkeypatch.delenv(name)


@pytest.fixture
def sites(
    cloud: Cloud,
    no_caller: None,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Sites]:
    """Closed before the cloud is cleaned up."""
    caplog.set_level(logging.INFO, 'rbd_multistore')
    made = Sites(cloud.lab, tmp_path)
    yield made
    made.close()


@pytest.fixture
def watching(sites: Sites) -> Iterator[Watching]:
    with Watching() as made:
        yield made


@pytest.fixture
def start() -> Iterator[Callable[..., Command]]:
    """Starts the command in a process of its own."""
    started: list[Command] = []

    def begin(conf: Path, *arguments: str) -> Command:
        command = Command(['--config-file', str(conf), *arguments])
        started.append(command)
        return command

    yield begin
    for command in started:
        command.end()


@pytest.fixture
def as_token_of_demo(
    lab: Lab,
    demo_session: ks_session.Session,
    no_caller: None,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Set ``OS_*`` so that sites get nothing of their caller but a token, as
    a service gets it with a request; return the token."""
    token = v3.Password(**lab.keystone.credentials(keystone.DEMO)).get_token(
        demo_session
    )
    monkeypatch.setenv('OS_AUTH_TYPE', 'v3token')
    monkeypatch.setenv('OS_AUTH_URL', lab.keystone.auth_url)
    monkeypatch.setenv('OS_TOKEN', token)
    monkeypatch.setenv('OS_PROJECT_NAME', keystone.DEMO.project)
    monkeypatch.setenv('OS_PROJECT_DOMAIN_NAME', 'Default')
    return token


@pytest.fixture
def as_demo(
    lab: Lab, no_caller: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set ``OS_*`` to the credentials of a plain member."""
    credentials = lab.keystone.credentials(keystone.DEMO)
    monkeypatch.setenv('OS_AUTH_TYPE', 'password')
    for name, value in credentials.items():
        monkeypatch.setenv(f'OS_{name.upper()}', value)
