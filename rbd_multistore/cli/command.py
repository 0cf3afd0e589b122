# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, cast

from cliff import command
from oslo_utils import units

if TYPE_CHECKING:
    from rbd_multistore.cli.main import Shell
    from rbd_multistore.site import Site


# An exbibyte: librbd refuses what its objects cannot number.
_MOST_GIB = units.Gi


class SiteCommand(command.Command):
    """A command that works on the site of the config files."""

    @property
    def shell(self) -> Shell:
        """The program that runs the command."""
        return cast('Shell', self.app)

    @property
    def site(self) -> Site:
        """The site."""
        return self.shell.site


def add_name(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take a volume's name."""
    parser.add_argument('name', metavar='NAME', help='Name of the volume.')


def add_size(parser: argparse.ArgumentParser, **kwargs: Any) -> None:
    """Let *parser* take a size in GiB, as bytes."""
    parser.add_argument(
        '--size',
        type=_gib,
        metavar='GIB',
        dest='size_bytes',
        help='Size of the volume, in GiB.',
        **kwargs,
    )


def _gib(text: str) -> int:
    """Return *text*, a whole number of GiB from 1 on, as bytes."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_GIB:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a whole number of GiB from 1 to {_MOST_GIB}'
        )
    return int(text) * units.Gi
