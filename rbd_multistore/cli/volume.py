# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore volume ...``"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cliff import lister, show
from oslo_log import log as logging
from oslo_utils import uuidutils

from rbd_multistore import exceptions
from rbd_multistore.cli.command import SiteCommand, add_name, add_size

if TYPE_CHECKING:
    from rbd_multistore.backend import Created
    from rbd_multistore.ceph.volumes import Volume
    from rbd_multistore.glance.service import ImageService

LOG = logging.getLogger(__name__)

_Fields = tuple[tuple[str, ...], tuple[Any, ...]]


class CreateVolume(SiteCommand, show.ShowOne):
    """Make a volume: a clone of an image, or a blank one.

    Where the image is not at this site, Glance is asked to copy it to the
    site's store first, and the volume is cloned from that copy.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name, and what to make it of."""
        self._parser = super().get_parser(prog_name)
        add_name(self._parser)
        self._parser.add_argument(
            '--image', help='Id or name of the image to make it from.'
        )
        add_size(self._parser)
        return self._parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Make it."""
        if parsed_args.image is None and parsed_args.size_bytes is None:
            self._parser.error('a volume needs --image, --size, or both')
        if parsed_args.image is None:
            return _created(
                self.site.backend.create_blank(
                    parsed_args.name, parsed_args.size_bytes
                )
            )
        return _created(self._from_image(parsed_args))

    def _from_image(self, parsed_args: argparse.Namespace) -> Created:
        backend = self.site.backend
        from rbd_multistore.cli import progress

        with progress.shown(self.shell.stderr, self.shell.is_quiet) as watch:
            return backend.create_from_image(
                parsed_args.name,
                parsed_args.image,
                parsed_args.size_bytes,
                watch,
            )


class ListVolume(SiteCommand, lister.Lister):
    """List the volumes in the pool.

    An image that the caller may not see, and one that was deleted, hidden or
    belongs to the community, is shown by its id.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take whether Glance is asked."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '-n',
            '--no-name-lookup',
            action='store_true',
            help='Show images by id, and do not ask Glance.',
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """List them."""
        found = self._volumes()
        ids = {_image_id(volume) for volume in found} - {''}
        if parsed_args.no_name_lookup:
            ids.clear()
        names = self._names(ids) if ids else {}
        return ('name', 'size', 'parent', 'image'), _rows(found, names)

    def _volumes(self) -> tuple[Volume, ...]:
        volumes = self.site.volumes
        from rbd_multistore.ceph.listing import list_volumes

        return list_volumes(volumes)

    def _names(self, ids: set[str]) -> Mapping[str, str]:
        """Return the names of images; the list does without them, too."""
        try:
            return _names(self.site.images, ids)
        except exceptions.RBDMultistoreError as exc:
            LOG.warning('Images are shown by id: %s', exc)
            return {}


class ShowVolume(SiteCommand, show.ShowOne):
    """Show a volume."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name."""
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Show it."""
        return _shown(self.site.volumes.show(parsed_args.name))


class ResizeVolume(SiteCommand, show.ShowOne):
    """Grow a volume. It is never made smaller."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name and the size."""
        parser = super().get_parser(prog_name)
        add_name(parser)
        add_size(parser, required=True)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Grow it."""
        return _shown(
            self.site.volumes.resize(parsed_args.name, parsed_args.size_bytes)
        )


class FlattenVolume(SiteCommand, show.ShowOne):
    """Copy what a volume shares with its image, so that it needs it not."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name."""
        parser = super().get_parser(prog_name)
        add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        """Flatten it."""
        return _shown(self.site.volumes.flatten(parsed_args.name))


class DeleteVolume(SiteCommand):
    """Delete a volume that nobody has open and that has no snapshots."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name."""
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            '--trash',
            action='store_true',
            help="Move it to the pool's trash, from where it can be "
            'restored (rbd trash restore).',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete it."""
        volumes = self.site.volumes
        remove = volumes.trash if parsed_args.trash else volumes.remove
        remove(parsed_args.name)


class ShowVolumeXML(SiteCommand):
    """Print the <disk> element through which a guest uses a volume."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the name, and where the guest sees the disk."""
        parser = super().get_parser(prog_name)
        add_name(parser)
        parser.add_argument(
            '--target', default='vda', help="The guest's name for the disk."
        )
        parser.add_argument(
            '--bus', default='virtio', help='virtio, ide, scsi, ...'
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Print it."""
        name = self.site.volumes.show(parsed_args.name).name
        self.shell.stdout.write(
            self.site.disk_xml(name, parsed_args.target, parsed_args.bus)
        )


def _shown(volume: Volume) -> _Fields:
    return (
        ('name', 'pool', 'size', 'parent'),
        (volume.name, volume.pool, volume.size_bytes, _parent(volume)),
    )


def _created(made: Created) -> _Fields:
    names, values = _shown(made.volume)
    return (
        (*names, 'copied', 'seconds'),
        (*values, made.copied, round(made.seconds, 3)),
    )


def _rows(
    volumes: Iterable[Volume], names: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    for volume in volumes:
        image_id = _image_id(volume)
        image = names.get(image_id, image_id)
        yield volume.name, volume.size_bytes, _parent(volume), image


def _names(images: ImageService, ids: set[str]) -> Mapping[str, str]:
    """Return the names of those images that the caller sees in the list."""
    names: dict[str, str] = {}
    for image in images.all():
        if image.id in ids:
            names[image.id] = image.name
        if len(names) == len(ids):
            break
    return names


def _image_id(volume: Volume) -> str:
    """Return the image that a volume is a clone of, if it is of one.

    Glance names an RBD image after its own.
    """
    name = volume.parent.image if volume.parent else ''
    return name if uuidutils.is_uuid_like(name) else ''


def _parent(volume: Volume) -> str:
    return str(volume.parent or '')
