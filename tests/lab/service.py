# SPDX-License-Identifier: Apache-2.0
"""What the services of a cloud have in common: a database that is made once,
and an HTTP API served by :mod:`tests.lab.serve`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.lab import layout, process, sqlite, wait

#: The virtual environment that the lab runs in, and where it keeps its
#: commands and data files.
ENVIRONMENT = Path(sys.prefix)
BIN = ENVIRONMENT / 'bin'
ETC = ENVIRONMENT / 'etc'


class LogMark:
    """A place in a log: the end that it had when this was made."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begin_bytes = log.stat().st_size if log.exists() else 0

    def text(self) -> str:
        """What has been written since."""
        with self._log.open('rb') as stream:
            stream.seek(self._begin_bytes)
            return stream.read().decode(errors='replace')


@dataclass(frozen=True)
class Service:
    """One WSGI service of the lab.

    :ivar module: whose ``application`` is served.
    :ivar environ: where it finds its configuration.
    :ivar environment: the virtual environment that it is installed in.
    """

    name: str
    module: str
    port: int
    home: Path
    paths: layout.Layout
    environ: Mapping[str, str]
    stop_timeout_s: float = 30.0
    environment: Path = ENVIRONMENT

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @property
    def log(self) -> Path:
        return self.paths.log(self.name)

    @property
    def database(self) -> Path:
        return self.home / f'{self.name}.sqlite'

    @property
    def daemon(self) -> process.Daemon:
        return process.Daemon(
            name=self.name,
            command=[str(self.environment / 'bin' / 'python'), '-m']
            + ['tests.lab.serve']
            + [self.module, str(self.port)],
            pid_file=self.paths.pids / f'{self.name}.json',
            log=self.log,
            environ={**self.environ, 'PYTHONPATH': str(layout.CHECKOUT)},
            stop_timeout_s=self.stop_timeout_s,
        )

    def make_database(self, *commands: list[str]) -> None:
        """Run the commands that make its SQLite database, once."""
        if self._made.exists():
            return
        for leftover in self.home.glob(f'{self.database.name}*'):
            leftover.unlink()
        self._run(*commands)
        sqlite.let_readers_pass(self.database)
        layout.write(self._made, '')

    def make_once(self, *commands: list[str]) -> None:
        """Run the commands that make its database on a server, once.  They
        are run again from the first on if they did not get to their end."""
        if not self._made.exists():
            self._run(*commands)
            layout.write(self._made, '')

    def start(self, timeout_s: float = 120.0) -> None:
        """Start it and wait until it answers."""
        self.daemon.start()
        self.wait(timeout_s)

    def wait(self, timeout_s: float = 120.0) -> None:
        """Wait until it answers."""
        daemon = self.daemon

        def answers() -> bool:
            daemon.require()
            return requests.get(self.url, timeout=30).ok

        wait.until(
            answers,
            f'answer of {self.name}',
            timeout_s=timeout_s,
            ignore=(requests.RequestException,),
        )

    def stop(self) -> None:
        self.daemon.stop()

    @property
    def _made(self) -> Path:
        return self.home / 'database.made'

    def _run(self, *commands: list[str]) -> None:
        for command in commands:
            process.run(
                [str(self.environment / 'bin' / command[0]), *command[1:]],
                self.paths.log(f'{self.name}-make'),
                environ=self.environ,
            )

    def mark_log(self) -> LogMark:
        """For reading what is logged from now on."""
        return LogMark(self.log)
