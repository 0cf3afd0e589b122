# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore image ...``"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cliff import lister, show

from rbd_multistore import exceptions
from rbd_multistore.cli.columns import Lines, Names, Verdicts
from rbd_multistore.cli.command import SiteCommand

if TYPE_CHECKING:
    from rbd_multistore.cloneable import Verdict
    from rbd_multistore.glance.image import Image


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
            'clones': self._clones(verdicts),
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

    def _clones(self, verdicts: tuple[Verdict, ...]) -> int | None:
        """Count the clones here; ``None``: there is nothing to clone."""
        from rbd_multistore.ceph.clones import count_clones

        here = {verdict.snapshot for verdict in verdicts} - {None}
        if not here:
            return None
        cluster = self.site.volumes.cluster
        return sum(count_clones(cluster, place) for place in here if place)


class ListImage(SiteCommand, lister.Lister):
    """List images, and the stores that hold them."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take which images."""
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group()
        for name, words in (
            ('here', "in this site's store"),
            ('missing', "not in this site's store"),
            ('copying', 'being copied to any store'),
        ):
            which.add_argument(
                f'--{name}',
                dest='which',
                action='store_const',
                const=name,
                help=f'Only images that are {words}.',
            )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """List them."""
        is_wanted = self._choice(parsed_args.which)
        names = ('id', 'name', 'status', 'disk_format', 'size', 'stores')
        return (*names, 'copying_to'), [
            (
                image.id,
                image.name,
                image.status,
                image.disk_format,
                image.size_bytes,
                Names(image.held_by),
                Names(image.importing),
            )
            for image in self.site.images.all()
            if is_wanted(image)
        ]

    def _choice(self, which: str | None) -> Callable[[Image], bool]:
        if which is None:
            return lambda image: True
        if which == 'copying':
            return lambda image: bool(image.importing)
        store = self.site.store
        if store is None:
            raise exceptions.ConfigError(
                f'--{which} needs to know the store of this site: set '
                'glance_store_name.'
            )
        return lambda image: (store in image.held_by) is (which == 'here')


class RepairImage(SiteCommand, show.ShowOne):
    """Find what a Glance that died left of a copy, and remove it.

    A half-written RBD image in the store's pool makes every further copy
    fail. It is removed only with --yes, and only if it has no snapshot, no
    location names it, nobody has it open and no copy is under way.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the image."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'image', metavar='IMAGE', help='Id or name of the image.'
        )
        parser.add_argument(
            '--yes', action='store_true', help='Remove what was found.'
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Find it, and remove it."""
        images, repair = self.site.images, self.site.repair
        image = images.find(parsed_args.image)
        finding = repair.inspect(images, image)
        if parsed_args.yes and finding.upload is not None:
            finding = repair.remove(images, image)
        upload = finding.upload
        rows = {
            'image': image.id,
            'place': finding.place,
            'found': upload is not None,
            'size': upload.size_bytes if upload else 0,
            'written': upload.written_bytes if upload else 0,
            'orphan': finding.is_orphan,
            'kept_because': Lines(finding.reasons),
            'removed': parsed_args.yes and upload is not None,
        }
        return tuple(rows), tuple(rows.values())
