# SPDX-License-Identifier: Apache-2.0
"""What Keystone and Glance have in common: a database that is made once, and
an HTTP API served by :mod:`tests.lab.serve`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.lab import layout, process, sqlite, wait

#: Where the virtual environment keeps its commands and data files.
BIN = Path(sys.prefix) / 'bin'
ETC = Path(sys.prefix) / 'etc'


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
    """

    name: str
    module: str
    port: int
    home: Path
    paths: layout.Layout
    environ: Mapping[str, str]
    stop_timeout_s: float = 30.0

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
            command=[sys.executable, '-m', 'tests.lab.serve']
            + [self.module, str(self.port)],
            pid_file=self.paths.pids / f'{self.name}.json',
            log=self.log,
            environ={**self.environ, 'PYTHONPATH': str(layout.CHECKOUT)},
            stop_timeout_s=self.stop_timeout_s,
        )

    def make_database(self, *commands: list[str]) -> None:
        """Run the commands that make the database, once."""
        done = self.home / 'database.made'
        if done.exists():
            return
        for leftover in self.home.glob(f'{self.database.name}*'):
            leftover.unlink()
        for command in commands:
            process.run(
                [str(BIN / command[0]), *command[1:]],
                self.paths.log(f'{self.name}-make'),
                environ=self.environ,
            )
        sqlite.let_readers_pass(self.database)
        layout.write(done, '')

    def start(self, timeout_s: float = 120.0) -> None:
        """Start it and wait until it answers."""
        daemon = self.daemon
        daemon.start()

        def answers() -> bool:
            daemon.require()
            return requests.get(self.url, timeout=30).status_code == 300

        wait.until(
            answers,
            f'answer of {self.name}',
            timeout_s=timeout_s,
            ignore=(requests.RequestException,),
        )

    def stop(self) -> None:
        self.daemon.stop()

    def mark_log(self) -> LogMark:
        """For reading what is logged from now on."""
        return LogMark(self.log)
