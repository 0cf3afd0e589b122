# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore-status upgrade check``: the checks as deployment tools
know them from other OpenStack programs."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import sys
import time
from typing import TYPE_CHECKING, Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from rbd_multistore import exceptions, opts
from rbd_multistore.cli import opening

if TYPE_CHECKING:
    from rbd_multistore.checks.result import Result

_UNEXPECTED = 255


class Checks(upgradecheck.UpgradeCommands):
    """What ``rbd-multistore check`` tries, told by oslo.upgradecheck."""

    def __init__(self, conf: cfg.ConfigOpts):
        """Try it on the site of *conf*, once that has read its files."""
        self._conf = conf

    def check(self) -> Any:
        """Print the results; return the worst of them as exit status."""
        try:
            self._upgrade_checks = tuple(
                (result.check, functools.partial(_told, result))
                for result in self._results()
            )
        except (exceptions.RBDMultistoreError, cfg.Error) as exc:
            return _told_as_unexpected(exc)
        return super().check()

    def _results(self) -> list[Result]:
        site = opening.open_site(self._conf, time.sleep)
        from rbd_multistore.checks.everything import try_all

        with contextlib.closing(site):
            return list(try_all(site))


class _Options(cfg.ConfigOpts):
    """Options of a program that knows its version."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs['version'] = importlib.metadata.version(opening.PROJECT)
        return super().__call__(*args, **kwargs)


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status.

    0: all is well; 1: a warning; 2: something does not work, or wrong usage;
    255: nothing could be tried, as one line on stderr tells.
    """
    opening.hush_libraries()
    conf = _Options()
    opts.register_opts(conf)
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return int(
            upgradecheck.main(
                conf, opening.PROJECT, Checks(conf), argv=arguments
            )
        )
    except cfg.Error as exc:
        return _told_as_unexpected(exc)


def _told(result: Result, _checks: Checks) -> upgradecheck.Result:
    """Return what oslo.upgradecheck makes a row of."""
    detail = result.detail.rstrip('.')
    words = f'{detail}. {result.remedy}' if result.remedy else detail
    return upgradecheck.Result(upgradecheck.Code(result.outcome), words)


def _told_as_unexpected(exc: Exception) -> int:
    sys.stderr.write(f'error: {" ".join(str(exc).split())}\n')
    return _UNEXPECTED


if __name__ == '__main__':
    sys.exit(main())
