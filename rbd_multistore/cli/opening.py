# SPDX-License-Identifier: Apache-2.0
"""From the config files to a site.

The site's own imports are made here when it is needed, so that ``--help``
works where the bindings of Ceph and libvirt, which are no Python packages,
are missing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_config import cfg

from rbd_multistore import exceptions

if TYPE_CHECKING:
    from rbd_multistore.site import Site

PROJECT = 'rbd-multistore'

# Named alike on Debian and on RHEL.
_PACKAGES = {
    'rados': 'python3-rados',
    'rbd': 'python3-rbd',
    'libvirt': 'python3-libvirt',
}


def hush_libraries() -> None:
    """Drop warnings that come before an error that says the same."""
    for library in ('keystoneauth', 'stevedore'):
        logging.getLogger(library).setLevel(logging.ERROR)


def open_site(conf: cfg.ConfigOpts, sleep: Callable[[float], None]) -> Site:
    """Return the site that *conf* describes, with ``OS_*`` beside it.

    :param sleep: waits some seconds for a copy
    :raises ConfigError: a binding of Ceph or libvirt is missing
    """
    try:
        from rbd_multistore.copying.lead import Time
        from rbd_multistore.site import Site
    except ImportError as exc:
        if exc.name not in _PACKAGES:
            raise
        raise exceptions.ConfigError(
            f'{exc}: install the system package {_PACKAGES[exc.name]} with '
            'apt (Debian) or dnf (RHEL), for the Python that runs this '
            f'program. {PROJECT} needs {", ".join(_PACKAGES.values())}; a '
            'virtual environment sees them if it was made with '
            '--system-site-packages.'
        ) from exc
    return Site(conf, os.environ, Time(sleep=sleep))
