# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore image ...``"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cliff import columns, show

from rbd_multistore import exceptions
from rbd_multistore.cli.command import SiteCommand

if TYPE_CHECKING:
    from rbd_multistore.cloneable import Verdict
    from rbd_multistore.glance.image import Image


class Names(columns.FormattableColumn[Any]):
    """A set of names: a list for machines, one line for people."""

    def human_readable(self) -> str:
        """Return them on one line."""
        return ', '.join(sorted(self._value))

    def machine_readable(self) -> list[str]:
        """Return them as a list."""
        return sorted(self._value)


class Verdicts(columns.FormattableColumn[Any]):
    """What became of each location."""

    def human_readable(self) -> str:
        """Return a line for each location."""
        return '\n'.join(
            f'{verdict.location.url} ({verdict.location.store}): '
            f'{verdict.reason or "cloneable here"}'
            for verdict in self._value
        )

    def machine_readable(self) -> list[dict[str, Any]]:
        """Return a mapping for each location."""
        return [
            {
                'url': verdict.location.url,
                'store': verdict.location.store,
                'cloneable': verdict.cloneable,
                'reason': verdict.reason,
            }
            for verdict in self._value
        ]


class ShowImage(SiteCommand, show.ShowOne):
    """Show where an image is, and whether it can be cloned here."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the image."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'image', metavar='IMAGE', help='Id or name of the image.'
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Show it."""
        image = self.site.images.find(parsed_args.image)
        verdicts, why_not = self._verdicts(image)
        rows = {
            'id': image.id,
            'name': image.name,
            'status': image.status,
            'disk_format': image.disk_format,
            'size': image.size_bytes,
            'virtual_size': image.virtual_size_bytes,
            'min_disk': image.min_disk_gib,
            'stores': Names(image.stores),
            'copying_to': Names(image.importing),
            'copy_failed_for': Names(image.failed),
            'lock': image.lock,
            'cloneable': any(verdict.cloneable for verdict in verdicts),
            'why_not': why_not,
            'locations': Verdicts(verdicts),
        }
        return tuple(rows), tuple(rows.values())

    def _verdicts(self, image: Image) -> tuple[tuple[Verdict, ...], str]:
        """Return what became of each location, and why nothing can be."""
        try:
            verdicts = self.site.backend.verdicts(image)
        except exceptions.GlanceForbidden as exc:
            return (), f'the locations cannot be seen: {exc}'
        if not verdicts:
            return verdicts, 'the image has no location'
        if any(verdict.cloneable for verdict in verdicts):
            return verdicts, ''
        return verdicts, 'no location can be cloned here; each says why'
