# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore check``"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cliff import lister
from oslo_config import cfg

from rbd_multistore import exceptions
from rbd_multistore.cli.command import SiteCommand

if TYPE_CHECKING:
    from rbd_multistore.checks.result import Result

_FAILURE = 2


class CheckSite(SiteCommand, lister.Lister):
    """Try for real what volumes at this site need.

    The exit status is 0 if all is well, 1 if there is a warning, 2 if
    something does not work.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worst = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take how deep to look."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--deep',
            action='store_true',
            help='Also clone an image of the store to a volume that is '
            'removed again.',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Try it; return how bad the worst of it is.

        What keeps it from being tried is as bad as what fails: 1 would be
        taken for a warning.
        """
        try:
            return super().run(parsed_args) or self._worst
        except (exceptions.RBDMultistoreError, cfg.Error) as exc:
            self.shell.LOG.error(exc)
            return _FAILURE

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Try it."""
        # First, as it says what to install where a binding is missing.
        site = self.site
        from rbd_multistore.checks import everything

        attempt = everything.try_all
        if parsed_args.deep:
            attempt = everything.try_all_and_clone
        results = list(attempt(site))
        self._worst = max(result.outcome.value for result in results)
        return (
            ('check', 'result', 'detail', 'what to do'),
            [_row(result) for result in results],
        )


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.check,
        result.outcome.name.lower(),
        result.detail,
        result.remedy,
    )
