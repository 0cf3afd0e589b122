# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore image copy``"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from concurrent import futures
from typing import TYPE_CHECKING, Any

from cliff import lister

from rbd_multistore import exceptions
from rbd_multistore.cli.columns import Names
from rbd_multistore.cli.command import SiteCommand

if TYPE_CHECKING:
    from rbd_multistore.copying.progress import Watch
    from rbd_multistore.glance.image import Image


class CopyImage(SiteCommand, lister.Lister):
    """Have images copied to Glance stores, before somebody boots from them.

    One request names all the stores, as Glance would queue several.
    Interrupting the command stops the watching, never a copy.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the images and the stores."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'images',
            nargs='+',
            metavar='IMAGE',
            help='Id or name of an image.',
        )
        stores = parser.add_mutually_exclusive_group()
        stores.add_argument(
            '--store',
            action='append',
            metavar='STORE',
            help='A store to copy to; may be given again. Default: this '
            "site's.",
        )
        stores.add_argument(
            '--all-stores',
            action='store_true',
            help='Copy to every store that Glance can write to.',
        )
        parser.add_argument(
            '--no-wait',
            action='store_true',
            help='Only ask for the copies.',
        )
        parser.add_argument(
            '--parallel',
            type=int,
            choices=range(1, 65),
            default=4,
            metavar='N',
            help='Copies to wait for at one time, 1 to 64. Default: 4.',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Copy them; return 1 where one of them could not be."""
        return super().run(parsed_args) or int(self._failed)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Copy them."""
        from rbd_multistore.cli import progress

        stores = self._stores(parsed_args)
        names = list(dict.fromkeys(parsed_args.images))
        with progress.shown(self.shell.stderr, self.shell.is_quiet) as watch:

            def copy(name: str) -> tuple[Any, ...]:
                if parsed_args.no_wait:
                    return self._row(name, stores, self._ask)
                return self._row(
                    name, stores, functools.partial(self._bring, watch)
                )

            rows = self._all(copy, names, parsed_args.parallel)
        return ('image', 'stores', 'outcome', 'seconds', 'error'), rows

    def _all(
        self,
        copy: Callable[[str], tuple[Any, ...]],
        names: list[str],
        parallel: int,
    ) -> list[tuple[Any, ...]]:
        with futures.ThreadPoolExecutor(parallel) as threads:
            pending = [threads.submit(copy, name) for name in names]
            try:
                return [future.result() for future in pending]
            except KeyboardInterrupt:
                self.shell.stop.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _row(
        self,
        name: str,
        stores: frozenset[str],
        act: Callable[[Image, frozenset[str]], str],
    ) -> tuple[Any, ...]:
        began_s = time.monotonic()
        outcome, error = 'failed', ''
        try:
            image = self.site.images.find(name)
            image.check_active()
            missing = stores - image.held_by
            outcome = act(image, missing) if missing else 'there already'
        except exceptions.RBDMultistoreError as exc:
            self._failed = True
            error = str(exc)
        seconds = round(time.monotonic() - began_s, 3)
        return name, Names(stores), outcome, seconds, error

    def _ask(self, image: Image, stores: frozenset[str]) -> str:
        self.site.copier.ask(self.site.images, image, stores)
        return 'asked'

    def _bring(
        self, watch: Watch, image: Image, stores: frozenset[str]
    ) -> str:
        self.site.copier.bring(self.site.images, image, stores, watch)
        return 'copied'

    def _stores(self, parsed_args: argparse.Namespace) -> frozenset[str]:
        if parsed_args.all_stores:
            stores = self.site.images.stores()
            return frozenset(s.id for s in stores if not s.read_only)
        if parsed_args.store:
            return frozenset(parsed_args.store)
        if self.site.copier.store is None:
            raise exceptions.ConfigError(
                'No store to copy to: give --store, or set glance_store_name.'
            )
        return frozenset({self.site.copier.store})
