# SPDX-License-Identifier: Apache-2.0
"""What a ceph.conf and its keyring say, as librados reads them."""

from __future__ import annotations

import configparser
import dataclasses
import re
from pathlib import Path

import rados

from rbd_multistore import exceptions
from rbd_multistore.ceph import errors
from rbd_multistore.ceph.cluster import Monitor

# One address: v2:10.0.0.1:3300/0, [::1]:6789, mon.example.org
_ADDRESS = re.compile(
    r'(?:v[12]:)?(?P<host>\[[0-9a-fA-F:.]+\]|[^\s,;:\[\]/]+)(?::(?P<port>\d+))?'
)
# All addresses of one monitor, in brackets.
_VECTOR = re.compile(r'\[(?P<first>v[12]:(?:\[[^\]]*\]|[^\]])*)\]')


@dataclasses.dataclass(frozen=True)
class ClusterConf:
    """How a ceph.conf says that a cluster is reached.

    :ivar monitors: an address of each monitor
    :ivar key: the user's key, in base64
    """

    monitors: tuple[Monitor, ...]
    key: str = dataclasses.field(repr=False)


def read_conf(path: str, user: str) -> ClusterConf:
    """Read the monitors and the key of *user* (without ``client.``).

    :raises ConfigError: the file, its monitors or the key are not there
    """
    if not Path(path).is_file():
        raise exceptions.ConfigError(f'There is no file {path}.')
    try:
        with errors.translated(f'read {path}'):
            conf = rados.Rados(rados_id=user, conffile=path)
            mon_host = conf.conf_get('mon_host') or ''
            keyrings = conf.conf_get('keyring') or ''
    except exceptions.CephError as exc:
        raise exceptions.ConfigError(str(exc)) from exc
    monitors = parse_mon_host(mon_host)
    if not monitors:
        raise exceptions.ConfigError(f'{path} names no monitor in mon_host.')
    return ClusterConf(monitors, _key(keyrings, user))


def parse_mon_host(mon_host: str) -> tuple[Monitor, ...]:
    """Parse the option ``mon_host``: one address of each monitor.

    Of a monitor in brackets, which has several, the first is taken: with
    the address of the older messenger alone, librados first tries the newer
    one on it for three seconds.
    """
    # The brackets of a vector go, with all but its first address.
    one_each = _VECTOR.sub(
        lambda vector: vector['first'].partition(',')[0], mon_host
    )
    return tuple(
        Monitor(found['host'].strip('[]'), found['port'] or '')
        for found in map(_ADDRESS.match, re.split(r'[,;\s]+', one_each))
        if found is not None
    )


def _key(keyrings: str, user: str) -> str:
    section = f'client.{user}'
    for path in keyrings.split(','):
        keyring = configparser.ConfigParser(interpolation=None)
        try:
            text = Path(path.strip()).read_text(encoding='utf-8')
            keyring.read_string(re.sub(r'(?m)^\s+', '', text))
        except (OSError, configparser.Error):
            continue
        if keyring.has_option(section, 'key'):
            return keyring.get(section, 'key')
    raise exceptions.ConfigError(
        f'No key for {section} in {keyrings or "any keyring"}: name a keyring '
        'that has it in the ceph.conf (keyring = PATH).'
    )
