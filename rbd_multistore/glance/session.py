# SPDX-License-Identifier: Apache-2.0
"""Credentials, and ways to Glance with them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from keystoneauth1 import adapter, loading, plugin, service_token
from keystoneauth1 import exceptions as ksa_exc
from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.glance.client import GlanceClient
from rbd_multistore.glance.errors import mend_answer
from rbd_multistore.glance.service import ImageService

if TYPE_CHECKING:
    # openstacksdk is imported where an environment names a cloud: it takes
    # a quarter of a second.
    from openstack import config
    from openstack.config import cloud_region

_VERSION = re.compile(r'/v\d+(\.\d+)?/?$')

# What must be in the environment for it to name a cloud and somebody in it.
_CALLER_VARIABLES = ('OS_CLOUD', 'OS_AUTH_URL', 'OS_AUTH_TYPE')


def service_adapter(conf: cfg.ConfigOpts) -> adapter.Adapter | None:
    """Return the way to Glance with the credentials of the config file.

    They are those of ``[rbd_multistore]``, else those of Nova's
    ``[service_user]``, who goes the way that Nova's ``[glance]`` describes.
    ``None``: neither group sets ``auth_type``.

    :raises ConfigError: an option of the credentials is missing or wrong
    """
    for group, way in (
        (opts.GROUP, opts.GROUP),
        (opts.NOVA_SERVICE_USER, opts.NOVA_GLANCE),
    ):
        auth = first_credentials(conf, (group,))
        if auth is not None:
            return _with_auth(way_to_glance(conf, way), auth)
    return None


def caller_adapter(
    conf: cfg.ConfigOpts, environ: Mapping[str, str]
) -> adapter.Adapter | None:
    """Return the way to Glance with the credentials of the environment.

    They are ``OS_*`` or, through ``OS_CLOUD``, an entry of clouds.yaml.
    ``None``: the environment names no cloud.

    :raises ConfigError: they are incomplete or wrong
    """
    if not any(environ.get(name) for name in _CALLER_VARIABLES):
        return None
    from openstack import exceptions as sdk_exc

    given: dict[str, Any] = {
        name.removeprefix('OS_').lower(): value
        for name, value in environ.items()
        if name.startswith('OS_')
    }
    try:
        return _of_cloud(conf, _clouds(environ).get_one(**given))
    except (
        sdk_exc.SDKException,
        ksa_exc.ClientException,
        TypeError,
    ) as exc:
        raise exceptions.ConfigError(
            f'The credentials in OS_* or clouds.yaml cannot be used: {exc}'
        ) from exc


def with_service_token(
    caller: adapter.Adapter, service: adapter.Adapter
) -> adapter.Adapter:
    """Return *caller*'s way to Glance with *service*'s token beside its own.

    Glance then sees what the caller may see, with the service's roles as
    ``service_roles`` for a policy that asks for them.
    """
    if caller.auth is None or service.auth is None:
        raise exceptions.ConfigError('Credentials without an auth plugin.')
    return _with_auth(caller, both_tokens(caller.auth, service.auth))


def both_tokens(
    caller: plugin.BaseAuthPlugin, service: plugin.BaseAuthPlugin
) -> plugin.BaseAuthPlugin:
    """Return credentials that are *caller*'s, with *service*'s token beside.

    With it a service accepts a caller's token that expired meanwhile.
    """
    return service_token.ServiceTokenAuthWrapper(
        user_auth=caller, service_auth=service
    )


def _with_auth(
    way: adapter.Adapter, auth: plugin.BaseAuthPlugin
) -> adapter.Adapter:
    return adapter.Adapter(
        session=way.session,
        auth=auth,
        service_type=way.service_type,
        service_name=way.service_name,
        interface=way.interface,
        region_name=way.region_name,
        endpoint_override=way.endpoint_override,
        connect_retries=way.connect_retries,
        status_code_retries=way.status_code_retries,
    )


def at_server(way: adapter.Adapter, url: str) -> adapter.Adapter:
    """Return *way* to the one Glance at *url*; *way* stays as it is."""
    there = copy.copy(way)
    there.endpoint_override = url
    return there


def to_root(
    way: adapter.Adapter, caller: plugin.BaseAuthPlugin
) -> adapter.Adapter:
    """Return *way* to the root of Glance, where *caller*'s catalogue names
    a version of its API.

    glanceclient adds the version by itself, also where it is there already
    (its bug 1707995).
    """
    try:
        url = way.get_endpoint(caller) or ''
    except ksa_exc.ClientException:
        # Whoever asks Glance something is told.
        return way
    root = _VERSION.sub('', url)
    return way if root == url else at_server(way, root)


def way_to_glance(conf: cfg.ConfigOpts, group: str) -> adapter.Adapter:
    """Return the way to Glance that *group* describes, for any credentials.

    :param group: has keystoneauth1's options of a session and an adapter;
        where it sets no ``timeout``, ours counts
    :raises ConfigError: an option is missing or wrong
    """
    try:
        session = loading.load_session_from_conf_options(conf, group)
        session.session.hooks['response'].append(mend_answer)
        session.timeout = session.timeout or conf[opts.GROUP].timeout
        return loading.load_adapter_from_conf_options(
            conf, group, session=session
        )
    except (ksa_exc.ClientException, cfg.Error, TypeError) as exc:
        raise exceptions.ConfigError(
            f'The way to Glance in [{group}] cannot be used: {exc}'
        ) from exc


def first_credentials(
    conf: cfg.ConfigOpts, groups: Iterable[str]
) -> plugin.BaseAuthPlugin | None:
    """Return the credentials of the first group that sets ``auth_type``.

    ``None``: none does.

    :raises ConfigError: an option of the credentials is missing or wrong
    """
    for group in groups:
        try:
            auth = loading.load_auth_from_conf_options(conf, group)
        except (ksa_exc.ClientException, cfg.Error, TypeError) as exc:
            raise exceptions.ConfigError(
                f'The credentials in [{group}] cannot be used: {exc}'
            ) from exc
        if auth is not None:
            return auth
    return None


def image_service_for(
    way: adapter.Adapter,
    caller: plugin.BaseAuthPlugin,
    service: plugin.BaseAuthPlugin | None,
) -> ImageService:
    """Return the images as one caller may use them.

    :param way: to Glance, whoever goes it
    :param caller: decides which images there are
    :param service: does what the caller may not; ``None``: nobody does
    """
    callers = _with_auth(way, caller)
    if service is None:
        return ImageService(GlanceClient(callers))
    services = _with_auth(way, service)
    return ImageService(
        GlanceClient(callers),
        service=GlanceClient(services),
        caller_with_service=GlanceClient(
            with_service_token(callers, services)
        ),
    )


def _clouds(environ: Mapping[str, str]) -> config.OpenStackConfig:
    """Read clouds.yaml, where it is looked for or where *environ* says."""
    from openstack import config
    from openstack.config import loader

    named = environ.get('OS_CLIENT_CONFIG_FILE')
    files = [named] if named else []
    return config.OpenStackConfig(
        config_files=[*files, *loader.CONFIG_FILES], load_envvars=False
    )


def _of_cloud(
    conf: cfg.ConfigOpts, cloud: cloud_region.CloudRegion
) -> adapter.Adapter:
    """Return the way to Glance of a cloud that openstacksdk has read.

    What it does not say (region, interface, endpoint, time-out) is as in the
    config file.
    """
    session = cloud.get_session()
    session.session.hooks['response'].append(mend_answer)
    session.timeout = session.timeout or conf[opts.GROUP].timeout
    endpoint = loading.load_adapter_from_conf_options(
        conf, opts.GROUP, session=session, auth=session.auth
    )
    endpoint.region_name = cloud.get_region_name() or endpoint.region_name
    endpoint.interface = cloud.config.get('interface') or endpoint.interface
    endpoint.endpoint_override = (
        cloud.get_endpoint('image') or endpoint.endpoint_override
    )
    return endpoint


def image_service(
    conf: cfg.ConfigOpts, environ: Mapping[str, str]
) -> ImageService:
    """Return the images as the credentials at hand may use them.

    The environment's credentials, where there are any, are the caller's and
    the config file's are the service's. With one of the two alone, those
    are both.

    :raises ConfigError: there are none, or they are incomplete
    """
    service = service_adapter(conf)
    caller = caller_adapter(conf, environ)
    if caller and service:
        return ImageService(
            GlanceClient(caller),
            service=GlanceClient(service),
            caller_with_service=GlanceClient(
                with_service_token(caller, service)
            ),
        )
    only = caller or service
    if only is None:
        raise exceptions.ConfigError(
            f'No credentials for Glance: set auth_type, auth_url and the rest '
            f'in [{opts.GROUP}] of the config file, or OS_* or OS_CLOUD in '
            'the environment.'
        )
    return ImageService(GlanceClient(only))
