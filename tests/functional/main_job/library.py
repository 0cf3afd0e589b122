# SPDX-License-Identifier: Apache-2.0
"""The library in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from oslo_config import cfg

from rbd_multistore import opts
from rbd_multistore.site import Site


@contextlib.contextmanager
def site_from(conf_file: Path, environ: Mapping[str, str]) -> Iterator[Site]:
    """Put a site together as the program does."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(['--config-file', str(conf_file)], project='rbd-multistore')
    site = Site(conf, environ)
    try:
        yield site
    finally:
        site.close()
