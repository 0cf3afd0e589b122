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
        self._printed: dict[tuple[str, str], Progress] = {}

    def update(self, seen: Progress) -> None:
        """Take notice of *seen*."""
        last = self._printed.get(_key(seen))
        if last is not None and not _is_news(last, seen):
            return
        self._printed[_key(seen)] = seen
        self._stream.write(
            f'{_heading(seen)}: {seen}, {seen.elapsed_s:.1f} s\n'
        )
        self._stream.flush()


class Bar:
    """Draws a bar for each copy, while the block takes."""

    def __init__(self, stream: TextIO):
        self._bars = progress.Progress(
            progress.TextColumn('{task.description}'),
            progress.BarColumn(),
            progress.TextColumn('{task.fields[words]}'),
            progress.TimeElapsedColumn(),
            console=console.Console(file=stream),
            transient=True,
        )
        self._tasks: dict[tuple[str, str], progress.TaskID] = {}

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, seen: Progress) -> None:
        """Take notice of *seen*."""
        if _key(seen) not in self._tasks:
            self._tasks[_key(seen)] = self._bars.add_task(
                _label(seen), total=None, words=''
            )
        total, done = _fraction(seen)
        self._bars.update(
            self._tasks[_key(seen)],
            total=total,
            completed=done,
            words=str(seen),
        )


def _key(seen: Progress) -> tuple[str, str]:
    return seen.image_id, seen.store


def _is_news(last: Progress, seen: Progress) -> bool:
    waited_s = seen.elapsed_s - last.elapsed_s
    return seen.phase is not last.phase or waited_s >= _LINE_INTERVAL_S


def _fraction(seen: Progress) -> tuple[int | None, int]:
    """Return how many bytes there are, if that can be told, and are done."""
    if seen.phase in (Phase.FINISHING, Phase.DONE):
        return seen.total_bytes, seen.total_bytes
    if seen.written_bytes is None:
        return None, 0
    return seen.total_bytes, seen.written_bytes


def _label(seen: Progress) -> str:
    """Return a heading that leaves room for a bar on a narrow terminal."""
    return f'{seen.image_id[:8]} to {seen.store}'


def _heading(seen: Progress) -> str:
    mib = seen.total_bytes / units.Mi
    return f'image {seen.image_id} ({mib:.0f} MiB) to store {seen.store}'
