# SPDX-License-Identifier: Apache-2.0
"""``rbd-multistore``: the program, its options and its exit status."""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from cliff import app, commandmanager
from oslo_config import cfg

from rbd_multistore import exceptions, opts
from rbd_multistore.cli import opening

if TYPE_CHECKING:
    from rbd_multistore.site import Site

_USAGE = 2
_INTERRUPTED = 130
_LEVELS = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}


class OneLine(logging.Formatter):
    """Writes a record as ``level: message``, always on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is not part of it."""
        words = ' '.join(record.getMessage().split())
        return f'{record.levelname.lower()}: {words}'


class Stop:
    """Ends the waiting in other threads."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def set(self) -> None:
        """End it."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """Sleep, unless and until :meth:`set` is called.

        :raises Interrupted: it was
        """
        if self._stopped.wait(seconds):
            raise exceptions.Interrupted('The waiting was stopped.')


class Shell(app.App):
    """The program."""

    def __init__(self) -> None:
        self.stop = Stop()
        super().__init__(
            description='Copy-on-write volumes from Glance images, at the '
            'site where they run.',
            version=importlib.metadata.version(opening.PROJECT),
            command_manager=commandmanager.CommandManager(
                'rbd_multistore.cli'
            ),
            deferred_help=True,
        )

    def build_option_parser(
        self, *args: Any, **kwargs: Any
    ) -> argparse.ArgumentParser:
        """Add the options that every OpenStack program has."""
        parser = super().build_option_parser(*args, **kwargs)
        parser.add_argument(
            '--config-file',
            action='append',
            default=[],
            metavar='PATH',
            help='A config file; may be given again, and later ones win. '
            f'Default: {opening.PROJECT}.conf in the usual places.',
        )
        parser.add_argument(
            '--config-dir',
            action='append',
            default=[],
            metavar='DIR',
            help='A directory whose config files are read, in the order of '
            'their names, after those.',
        )
        return parser

    def configure_logging(self) -> None:
        """Print what is logged on stderr, a line each.

        Errors with ``-q``, warnings without, what is being done with
        ``-v``, and all there is with ``-vv`` or ``--debug``.
        """
        super().configure_logging()
        if self.options.debug:
            return
        level = _LEVELS.get(self.options.verbose_level, logging.DEBUG)
        for handler in logging.getLogger('').handlers:
            handler.setFormatter(OneLine())
            handler.setLevel(level)
        if level >= logging.WARNING:
            opening.hush_libraries()

    def run(self, argv: list[str]) -> int:
        """Run a command; without one, say that one is needed."""
        try:
            status = super().run(argv)
        finally:
            if 'site' in self.__dict__:
                self.site.close()
        return _USAGE if self.interactive_mode else status

    def interact(self) -> None:
        """There is no shell of our own."""
        self.parser.print_usage(self.stderr)
        self.stderr.write(f'error: no command; see {opening.PROJECT} --help\n')

    @functools.cached_property
    def site(self) -> Site:
        """The site that the config files describe.

        :raises ConfigError: they cannot be read, or a library is missing
        """
        return opening.open_site(self._configuration(), self.stop.sleep)

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing but the result is to be printed."""
        return bool(self.options.verbose_level == 0)

    def _configuration(self) -> cfg.ConfigOpts:
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        arguments = []
        for path in self.options.config_file:
            arguments += ['--config-file', path]
        for path in self.options.config_dir:
            arguments += ['--config-dir', path]
        conf(arguments, project=opening.PROJECT)
        return conf


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit status.

    0: done; 1: an error, told in one line on stderr; 2: wrong usage; 130:
    interrupted. ``check`` has its own: 0, 1 for a warning, 2 for a failure.
    """
    try:
        status = Shell().run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BrokenPipeError:
        return 1
    # cliff catches an interruption of a command itself, and says nothing.
    if status == _INTERRUPTED:
        sys.stderr.write('error: interrupted; Glance goes on with a copy\n')
    return status


if __name__ == '__main__':
    sys.exit(main())
