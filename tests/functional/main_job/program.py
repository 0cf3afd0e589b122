# SPDX-License-Identifier: Apache-2.0
"""The program ``rbd-multistore``, as a person or a script runs it."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name('rbd-multistore')
GROUP = 'rbd_multistore'

# Nothing here takes half as long, and a program that hangs is a failure.
DEADLINE_S = 120


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed with ``-f json``, and nothing else beside it."""
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """The one line that a failure is told in."""
        assert self.status == 1, self
        assert self.stdout == '', self
        *before, line = self.stderr.splitlines()
        assert not before, self
        assert line.startswith('error: '), self
        return line.removeprefix('error: ')


@dataclass(frozen=True)
class Program:
    """The program with somebody's credentials and a config file."""

    conf: Path
    environ: Mapping[str, str]

    def with_conf(self, conf: Path) -> Program:
        return replace(self, conf=conf)

    def as_somebody(self, environ: Mapping[str, str]) -> Program:
        return replace(self, environ=environ)

    def run(self, *words: str) -> Outcome:
        with self.started(*words) as process:
            return _ended(process)

    def run_all(self, runs: Iterable[Sequence[str]]) -> list[Outcome]:
        """Run several at once."""
        with contextlib.ExitStack() as stack:
            started = [
                stack.enter_context(self.started(*words)) for words in runs
            ]
            return [_ended(process) for process in started]

    def done(self, *words: str) -> Any:
        """Run what must succeed; return what it prints, decoded."""
        outcome = self.run(*words, '-f', 'json')
        assert outcome.status == 0, outcome
        return outcome.json

    def refused(self, *words: str) -> str:
        """Run what must fail; return the line that says why."""
        return self.run(*words).error

    def started(self, *words: str) -> subprocess.Popen[str]:
        """Start it, and do not wait."""
        return subprocess.Popen(
            self._command(words),
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def on_terminal(self, *words: str) -> Outcome:
        """Run it with a terminal as its stderr."""
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                self._command(words),
                env={**self._environ(), 'TERM': 'xterm', 'COLUMNS': '120'},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=theirs,
                text=True,
            )
        finally:
            os.close(theirs)
        with os.fdopen(ours, 'rb') as terminal, process:
            drawn = _all_of(terminal)
            stdout, _ = process.communicate(timeout=DEADLINE_S)
        return Outcome(process.returncode, stdout, drawn.decode())

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(PROGRAM), '--config-file', str(self.conf), *words]

    def _environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k[:3] != 'OS_'}
        return {**kept, **self.environ}


def _ended(process: subprocess.Popen[str]) -> Outcome:
    """Wait for the end; a program that hangs is killed."""
    try:
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Outcome(process.returncode, stdout, stderr)


def _all_of(terminal: Any) -> bytes:
    """Read until the program has closed its end."""
    read = b''
    try:
        while chunk := terminal.read1(4096):
            read += chunk
    except OSError:
        # So Linux reports that nobody has the other end open any more.
        pass
    return read


def write_conf(
    path: Path,
    base: Path,
    *,
    without: tuple[str, ...] = (),
    **options: object,
) -> Path:
    """Write a config file like *base* with other *options*.

    :param without: options of *base* to leave out
    """
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(base)
    for name in without:
        del conf[GROUP][name]
    conf[GROUP].update({name: str(value) for name, value in options.items()})
    with path.open('w') as stream:
        conf.write(stream)
    return path
