# SPDX-License-Identifier: Apache-2.0
"""The options, and what they come to once Nova's own are looked at.

Everything inward takes plain values: this module alone reads a
``ConfigOpts``, and that is handed to it.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = 'rbd_multistore'

_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'glance_store_name',
        help='Name of the Glance store that is this site: the one whose '
        'Ceph cluster also holds the disks of the instances. An image that '
        'is not in it is copied to it before it is cloned. Unset: nothing '
        'is ever copied, and an image that is not here is refused. Unset '
        'here, [libvirt] images_rbd_glance_store_name is used.',
    ),
    cfg.FloatOpt(
        'copy_poll_interval',
        default=15.0,
        min=0.1,
        help='Longest pause, in seconds, between two looks at Glance while '
        'an image is being copied. Unset here, [libvirt] '
        'images_rbd_glance_copy_poll_interval is used.',
    ),
    cfg.FloatOpt(
        'copy_timeout',
        default=600.0,
        min=1.0,
        help='Longest wait, in seconds, for the copy of one image. Glance '
        'copies an image to one store after another: the time begins anew '
        'with each copy that ours is queued behind. Glance goes on with a '
        'copy that is no longer waited for. Unset here, '
        '[libvirt] images_rbd_glance_copy_timeout is used.',
    ),
    cfg.FloatOpt(
        'copy_stall_timeout',
        default=180.0,
        min=0.0,
        help='Longest wait, in seconds, for a copy that shows no sign of '
        'life: no byte written, no new phase, no update of its task. While '
        'Glance stages an image, of which nothing can be seen, a second more '
        'for each 20 MiB of it. 0: only copy_timeout counts.',
    ),
    cfg.IntOpt(
        'copy_attempts',
        default=2,
        min=1,
        help='How many times Glance is asked, at most, to copy one image, '
        'where a copy fails or dies.',
    ),
    cfg.BoolOpt(
        'repair_orphans',
        default=False,
        help='Whether a half-written image, which a Glance that died left '
        'in the pool and which makes every further copy fail, is removed '
        'before Glance is asked again. It never has a snapshot, a location '
        'or a client.',
    ),
    cfg.StrOpt(
        'glance_store_pool',
        help='The Ceph pool that the Glance store writes to, where progress '
        'is looked at. Unset: Glance is asked for it, which it tells to the '
        'roles service and admin.',
    ),
    cfg.StrOpt(
        'libvirt_uri',
        default='qemu:///system',
        help='The libvirt that defines the storage pool. Unset here, '
        '[libvirt] connection_uri is used.',
    ),
    cfg.StrOpt(
        'libvirt_pool',
        help='Name of the libvirt storage pool, of type rbd, that the '
        'volumes are made in. It need not be active. Monitors, Ceph pool, '
        'cephx user and secret are read from it. Unset: the Ceph pool is '
        '[libvirt] images_rbd_pool, reached by ceph_conf and rbd_user, and '
        'the secret is [libvirt] rbd_secret_uuid.',
    ),
    cfg.StrOpt(
        'ceph_conf',
        help='Path of a ceph.conf to connect with, in place of the monitors '
        'that the libvirt pool names. Its keyring is used in place of the '
        'libvirt secret. Unset here, [libvirt] images_rbd_ceph_conf is '
        'used.',
    ),
    cfg.StrOpt(
        'rbd_user',
        help='The cephx user, without "client.", in place of the one that '
        'the libvirt pool names. Unset here, [libvirt] rbd_user is used.',
    ),
    cfg.PortOpt(
        'metrics_port',
        help='Where Prometheus may read the numbers of this process: copies '
        'by outcome, their bytes, seconds and looks at Glance. Unset: they '
        'are not counted.',
    ),
    cfg.HostAddressOpt(
        'metrics_address',
        default='127.0.0.1',
        help='The address that metrics_port is on.',
    ),
    cfg.IntOpt(
        'ceph_timeout',
        default=30,
        min=1,
        help='Longest wait, in seconds, for the Ceph cluster: to connect, '
        'and for each answer of a monitor or an OSD.',
    ),
]

# keystoneauth1 knows no service of ours, and waits for ever for any.
_KEYSTONEAUTH_DEFAULTS = {'service_type': 'image', 'timeout': 60}

_DEFAULTS = (cfg.Locations.opt_default, cfg.Locations.set_default)

# Nova's options are not ours to describe: only their names and types, so
# that an existing nova.conf can be read where Nova itself is not loaded.
_NOVA_GROUP = 'libvirt'
_NOVA_OPTS: list[cfg.Opt] = [
    cfg.StrOpt('images_rbd_glance_store_name'),
    cfg.FloatOpt('images_rbd_glance_copy_poll_interval'),
    cfg.FloatOpt('images_rbd_glance_copy_timeout'),
    cfg.StrOpt('images_rbd_pool'),
    cfg.StrOpt('images_rbd_ceph_conf'),
    cfg.StrOpt('rbd_user'),
    cfg.StrOpt('rbd_secret_uuid'),
    cfg.StrOpt('connection_uri'),
]

#: Nova's groups: its service user, and its way to Glance.
NOVA_SERVICE_USER = 'service_user'
NOVA_GLANCE = 'glance'

# As in Nova, whose names for them these are.
_NOVA_GLANCE_DEFAULTS = {
    'service_type': 'image',
    'valid_interfaces': ['internal', 'public'],
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the options come to, with Nova's own looked at.

    :ivar glance_store_name: this site's Glance store; ``None``: never copy
    :ivar copy_poll_interval_s: longest pause between two looks, in seconds
    :ivar copy_timeout_s: longest wait for one copy, in seconds
    :ivar copy_stall_timeout_s: longest wait without any change, in seconds;
        0: for ever
    :ivar copy_attempts: most requests for one image, from 1 on
    :ivar repair_orphans: whether half-written images are removed
    :ivar glance_store_pool: the store's Ceph pool; ``None``: ask Glance
    :ivar libvirt_uri: where the storage pool is defined
    :ivar libvirt_pool: the storage pool's name, or ``None``
    :ivar ceph_conf: a ceph.conf's path, or ``None``
    :ivar rbd_user: a cephx user without ``client.``, or ``None``
    :ivar ceph_timeout_s: longest wait for the cluster, in seconds
    :ivar metrics_port: where the numbers are shown; ``None``: nowhere
    :ivar metrics_address: the address that the port is on
    :ivar rbd_pool: the Ceph pool; looked at where libvirt_pool is ``None``
    :ivar rbd_secret_uuid: libvirt's secret, likewise
    """

    glance_store_name: str | None
    copy_poll_interval_s: float
    copy_timeout_s: float
    copy_stall_timeout_s: float
    copy_attempts: int
    repair_orphans: bool
    glance_store_pool: str | None
    libvirt_uri: str
    libvirt_pool: str | None
    ceph_conf: str | None
    rbd_user: str | None
    ceph_timeout_s: int
    metrics_port: int | None
    metrics_address: str
    rbd_pool: str | None
    rbd_secret_uuid: str | None


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options, and keystoneauth1's own, in one group.

    Calling it again changes nothing.
    """
    conf.register_opts(_OPTS, group=GROUP)
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_adapter_conf_options(conf, GROUP)
    for name, default in _KEYSTONEAUTH_DEFAULTS.items():
        conf.set_default(name, default, group=GROUP)
    for group, options in _novas():
        for opt in options:
            if not _is_registered(conf, group, opt.dest):
                conf.register_opt(opt, group=group)


def _novas() -> Iterator[tuple[str, list[cfg.Opt]]]:
    """Give Nova's options that are read, by group."""
    yield _NOVA_GROUP, _NOVA_OPTS
    session = loading.get_session_conf_options()
    yield NOVA_SERVICE_USER, session + loading.get_auth_common_conf_options()
    way = session + loading.get_adapter_conf_options()
    cfg.set_defaults(way, **_NOVA_GLANCE_DEFAULTS)
    yield NOVA_GLANCE, way


def list_opts() -> list[tuple[str, Iterable[cfg.Opt]]]:
    """Return the options for oslo.config's sample and reference pages."""
    options = [
        *copy.deepcopy(_OPTS),
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options('password'),
        *loading.get_adapter_conf_options(),
    ]
    cfg.set_defaults(options, **_KEYSTONEAUTH_DEFAULTS)
    return [(GROUP, options)]


def settings(conf: cfg.ConfigOpts) -> Settings:
    """Return what the options come to; :func:`register_opts` came first.

    An option that is set in our group wins. One that is not takes the value
    that an operator set for the same thing in Nova's ``[libvirt]``; Nova's
    own defaults never replace ours.
    """
    return Settings(
        glance_store_name=_either(
            conf, 'glance_store_name', 'images_rbd_glance_store_name'
        ),
        copy_poll_interval_s=_either(
            conf, 'copy_poll_interval', 'images_rbd_glance_copy_poll_interval'
        ),
        copy_timeout_s=_either(
            conf, 'copy_timeout', 'images_rbd_glance_copy_timeout'
        ),
        copy_stall_timeout_s=conf[GROUP].copy_stall_timeout,
        copy_attempts=conf[GROUP].copy_attempts,
        repair_orphans=conf[GROUP].repair_orphans,
        glance_store_pool=conf[GROUP].glance_store_pool or None,
        libvirt_uri=_either(conf, 'libvirt_uri', 'connection_uri'),
        libvirt_pool=conf[GROUP].libvirt_pool or None,
        ceph_conf=_either(conf, 'ceph_conf', 'images_rbd_ceph_conf'),
        rbd_user=_either(conf, 'rbd_user', 'rbd_user'),
        ceph_timeout_s=conf[GROUP].ceph_timeout,
        metrics_port=conf[GROUP].metrics_port,
        metrics_address=conf[GROUP].metrics_address,
        rbd_pool=conf[_NOVA_GROUP].images_rbd_pool or None,
        rbd_secret_uuid=conf[_NOVA_GROUP].rbd_secret_uuid or None,
    )


def _either(conf: cfg.ConfigOpts, ours: str, novas: str) -> Any:
    """Return what is set, ours first; else our default, empty as None."""
    if not _is_set(conf, GROUP, ours) and _is_set(conf, _NOVA_GROUP, novas):
        return conf[_NOVA_GROUP][novas] or None
    return conf[GROUP][ours] or None


def _is_set(conf: cfg.ConfigOpts, group: str, name: str) -> bool:
    place = conf.get_location(name, group)
    return place is not None and place.location not in _DEFAULTS


def _is_registered(conf: cfg.ConfigOpts, group: str, name: str) -> bool:
    try:
        conf[group][name]
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
        return False
    return True
