# SPDX-License-Identifier: Apache-2.0
"""How far a copy is, for a person to read on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TextIO

from oslo_utils import units
from rich import console, progress

from rbd_multistore.copying.progress import Phase, Progress, Watch

# Seconds between two plain lines while nothing but time changes.
_LINE_INTERVAL_S = 30.0


@contextlib.contextmanager
def shown(stream: TextIO, quiet: bool) -> Iterator[Watch]:
    """Give what a copy is told to, for the time that the block takes.

    A bar where *stream* is a terminal, plain lines where it is not, nothing
    where *quiet*.
    """
    if quiet:
        yield lambda seen: None
    elif stream.isatty():
        with Bar(stream) as bar:
            yield bar.update
    else:
        yield Lines(stream).update


class Lines:
    """Prints a line at each change of phase, and now and then between."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._phase: Phase | None = None
        self._printed_at_s = 0.0

    def update(self, seen: Progress) -> None:
        """Take notice of *seen*."""
        waited_s = seen.elapsed_s - self._printed_at_s
        if seen.phase is self._phase and waited_s < _LINE_INTERVAL_S:
            return
        self._phase = seen.phase
        self._printed_at_s = seen.elapsed_s
        self._stream.write(f'{_heading(seen)}: {_words(seen)}\n')
        self._stream.flush()


class Bar:
    """Draws a bar that moves, and is gone at the end."""

    def __init__(self, stream: TextIO):
        self._bars = progress.Progress(
            progress.TextColumn('{task.description}'),
            progress.BarColumn(),
            progress.TextColumn('{task.fields[words]}'),
            progress.TimeElapsedColumn(),
            console=console.Console(file=stream),
            transient=True,
        )
        self._task: progress.TaskID | None = None

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, seen: Progress) -> None:
        """Take notice of *seen*."""
        if self._task is None:
            self._task = self._bars.add_task(
                _heading(seen), total=None, words=''
            )
        done_bytes = seen.written_bytes
        self._bars.update(
            self._task,
            total=None if done_bytes is None else seen.total_bytes,
            completed=done_bytes or 0,
            words=str(seen),
        )


def _heading(seen: Progress) -> str:
    mib = seen.total_bytes / units.Mi
    return f'image {seen.image_id} ({mib:.0f} MiB) to store {seen.store}'


def _words(seen: Progress) -> str:
    return f'{seen}, {seen.elapsed_s:.1f} s'
