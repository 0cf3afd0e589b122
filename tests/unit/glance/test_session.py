# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import adapter, plugin
from keystoneauth1 import exceptions as ksa_exc
from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.glance import session

PASSWORD = """\
auth_type = password
auth_url = http://127.0.0.1:5000/v3
username = rbd-multistore
password = of-the-service
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
"""
ENVIRON = {
    'OS_AUTH_TYPE': 'password',
    'OS_AUTH_URL': 'http://127.0.0.1:5000/v3',
    'OS_USERNAME': 'demo',
    'OS_PASSWORD': 'of-the-caller',
    'OS_PROJECT_NAME': 'demo',
    'OS_USER_DOMAIN_NAME': 'Default',
    'OS_PROJECT_DOMAIN_NAME': 'Default',
}

Configured = Callable[[str], cfg.ConfigOpts]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    def configure(lines: str) -> cfg.ConfigOpts:
        path = tmp_path / 'site.conf'
        path.write_text(f'[rbd_multistore]\n{lines}')
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        conf(['--config-file', str(path)])
        return conf

    return configure


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of somebody with credentials."""
    return dict(ENVIRON)


def test_service(configured: Configured) -> None:
    endpoint = session.service_adapter(configured(PASSWORD))
    assert endpoint is not None
    assert endpoint.auth is not None
    assert endpoint.region_name == 'RegionOne'
    assert endpoint.service_type == 'image'
    # A Glance that hangs is given up.
    assert endpoint.session.timeout == 60


def test_service_endpoint_of_the_file(configured: Configured) -> None:
    conf = configured(
        f'{PASSWORD}endpoint_override = http://glance\n'
        'valid_interfaces = internal\n'
    )
    endpoint = session.service_adapter(conf)
    assert endpoint is not None
    assert endpoint.endpoint_override == 'http://glance'
    assert endpoint.interface == ['internal']


def test_no_service(configured: Configured) -> None:
    assert session.service_adapter(configured('')) is None


NOVAS = f"""
[service_user]
{PASSWORD.replace('region_name = RegionOne', 'send_service_user_token = true')}
[glance]
region_name = Novas
"""


def test_service_of_nova_conf(configured: Configured) -> None:
    """As for the plug-in: Nova's service user serves, on Nova's way."""
    endpoint = session.service_adapter(configured(NOVAS))
    assert endpoint is not None
    assert endpoint.auth is not None
    assert endpoint.region_name == 'Novas'
    assert endpoint.service_type == 'image'
    assert endpoint.interface == ['internal', 'public']
    assert endpoint.session.timeout == 60


def test_our_own_service_comes_first(configured: Configured) -> None:
    endpoint = session.service_adapter(configured(PASSWORD + NOVAS))
    assert endpoint is not None
    assert endpoint.region_name == 'RegionOne'


def test_service_of_nova_conf_that_lacks_something(
    configured: Configured,
) -> None:
    conf = configured('[service_user]\nauth_type = password\n')
    with pytest.raises(exceptions.ConfigError, match='service_user'):
        session.service_adapter(conf)


@pytest.mark.parametrize(
    'lines',
    [
        'auth_type = password\n',
        'auth_type = no-such-plugin\n',
        PASSWORD.replace('auth_url = http://127.0.0.1:5000/v3\n', ''),
        f'{PASSWORD}timeout = soon\n',
    ],
)
def test_service_that_lacks_something(
    configured: Configured, lines: str
) -> None:
    with pytest.raises(exceptions.ConfigError, match='rbd_multistore') as got:
        session.service_adapter(configured(lines))
    assert 'of-the-service' not in str(got.value)


def test_caller(configured: Configured, environ: dict[str, str]) -> None:
    endpoint = session.caller_adapter(configured(''), environ)
    assert endpoint is not None
    assert endpoint.auth is not None
    assert endpoint.service_type == 'image'


def test_caller_by_clouds_yaml(configured: Configured, tmp_path: Path) -> None:
    clouds = tmp_path / 'clouds.yaml'
    clouds.write_text(
        'clouds: {mine: {auth: {auth_url: "http://k/v3", username: u, '
        'password: p, project_name: p, user_domain_name: d, '
        'project_domain_name: d}}}\n'
    )
    endpoint = session.caller_adapter(
        configured(''),
        {'OS_CLOUD': 'mine', 'OS_CLIENT_CONFIG_FILE': str(clouds)},
    )
    assert endpoint is not None
    assert endpoint.auth is not None


def test_no_caller(configured: Configured) -> None:
    nobody = {'OS_AUTH_URL': '', 'HOME': '/root'}
    assert session.caller_adapter(configured(PASSWORD), nobody) is None


def test_caller_that_lacks_something(
    configured: Configured, environ: dict[str, str]
) -> None:
    environ = {k: v for k, v in environ.items() if k != 'OS_AUTH_URL'}
    environ['OS_AUTH_TYPE'] = 'password'
    with pytest.raises(exceptions.ConfigError, match=r'OS_\*'):
        session.caller_adapter(configured(''), environ)


def test_cloud_that_is_in_no_clouds_yaml(
    configured: Configured,
) -> None:
    with pytest.raises(exceptions.ConfigError, match='nowhere'):
        session.caller_adapter(configured(''), {'OS_CLOUD': 'nowhere'})


def test_caller_and_service(
    configured: Configured, environ: dict[str, str]
) -> None:
    images = session.image_service(configured(PASSWORD), environ)
    assert images.has_service_credentials


@pytest.mark.parametrize('lines', [PASSWORD, ''])
def test_one_of_the_two(
    configured: Configured, environ: dict[str, str], lines: str
) -> None:
    images = session.image_service(configured(lines), {} if lines else environ)
    assert not images.has_service_credentials


def test_neither(configured: Configured) -> None:
    with pytest.raises(exceptions.ConfigError) as caught:
        session.image_service(configured(''), {})
    for word in ('auth_type', 'OS_CLOUD', '[rbd_multistore]'):
        assert word in str(caught.value)


class Auth:
    """As much of keystoneauth1's plugin as a wrapper asks for."""

    def __init__(self, token: str):
        self._token = token

    def get_token(self, _session: object) -> str:
        return self._token

    def get_headers(self, _session: object) -> dict[str, str]:
        return {'X-Auth-Token': self._token}


def test_service_token_goes_beside_the_callers(
    configured: Configured, environ: dict[str, str]
) -> None:
    conf = configured(PASSWORD)
    caller = session.caller_adapter(conf, environ)
    service = session.service_adapter(conf)
    assert caller is not None
    assert service is not None
    caller.auth, service.auth = Auth('callers'), Auth('services')

    both = session.with_service_token(caller, service)

    assert both.auth is not None
    headers = both.auth.get_headers(both.session) or {}
    assert headers['X-Auth-Token'] == 'callers'
    assert headers['X-Service-Token'] == 'services'
    assert both.region_name == caller.region_name
    assert both.service_type == 'image'
    assert both.session is caller.session


def test_service_token_without_credentials(
    configured: Configured, environ: dict[str, str]
) -> None:
    conf = configured(PASSWORD)
    caller = session.caller_adapter(conf, environ)
    service = session.service_adapter(conf)
    assert caller is not None
    assert service is not None
    caller.auth = None
    with pytest.raises(exceptions.ConfigError):
        session.with_service_token(caller, service)


class Catalogue(plugin.BaseAuthPlugin):
    """Credentials that know one URL of Glance's, or none."""

    def __init__(self, url: str | None):
        super().__init__()
        self.url = url

    def get_endpoint(self, session: Any, **kwargs: Any) -> str | None:
        if self.url == 'broken':
            raise ksa_exc.EndpointNotFound
        return self.url


@pytest.fixture
def way(configured: Configured) -> adapter.Adapter:
    return session.way_to_glance(configured(PASSWORD), opts.GROUP)


def test_at_a_server(way: adapter.Adapter) -> None:
    there = session.at_server(way, 'http://one')
    other = session.at_server(way, 'http://two')
    assert there.endpoint_override == 'http://one'
    assert other.endpoint_override == 'http://two'
    assert way.endpoint_override is None
    assert there.region_name == way.region_name


@pytest.mark.parametrize(
    ('url', 'root'),
    [
        ('http://glance/v2', 'http://glance'),
        ('http://glance/image/v2.1/', 'http://glance/image'),
        ('http://glance', None),
        ('http://glance/v2images', None),
        (None, None),
        ('broken', None),
    ],
)
def test_to_the_root(
    way: adapter.Adapter, url: str | None, root: str | None
) -> None:
    found = session.to_root(way, Catalogue(url))
    assert found.endpoint_override == root
    assert way.endpoint_override is None
