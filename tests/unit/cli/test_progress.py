# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import io

import pytest

from rbd_multistore.cli import progress
from rbd_multistore.copying.progress import Phase, Progress

IMAGE = '8ec4e1e8-d9bb-4758-ada1-4713b9d3050e'
MIB = 1 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seen(
    phase: Phase,
    elapsed_s: float,
    written_mib: int | None = None,
    store: str = 'site_a',
) -> Progress:
    return Progress(
        IMAGE,
        store,
        phase,
        elapsed_s,
        64 * MIB,
        None if written_mib is None else written_mib * MIB,
    )


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_line_for_each_phase() -> None:
    stream = io.StringIO()
    with progress.shown(stream, quiet=False) as watch:
        watch(seen(Phase.STAGING, 0.25))
        watch(seen(Phase.STAGING, 1.0))
        watch(seen(Phase.UPLOADING, 2.0, 8))
        watch(seen(Phase.UPLOADING, 3.0, 16))
        watch(seen(Phase.DONE, 4.0))
    said = lines(stream)
    assert len(said) == 3
    heading = f'image {IMAGE} (64 MiB) to store site_a: '
    assert all(line.startswith(heading) for line in said)
    assert said[0] == f'{heading}staging, 0.2 s'
    assert '8 of 64 MiB' in said[1]
    assert 'done' in said[2]


def test_a_sign_of_life_within_a_long_phase() -> None:
    stream = io.StringIO()
    with progress.shown(stream, quiet=False) as watch:
        for elapsed_s in range(0, 100, 5):
            watch(seen(Phase.STAGING, float(elapsed_s)))
    assert len(lines(stream)) == 4


def test_copies_do_not_hide_each_other() -> None:
    stream = io.StringIO()
    with progress.shown(stream, quiet=False) as watch:
        for store in ('site_a', 'site_b', 'site_a', 'site_b'):
            watch(seen(Phase.STAGING, 1.0, store=store))
    assert len(lines(stream)) == 2


@pytest.mark.parametrize('stream', [io.StringIO(), Terminal()])
def test_quiet(stream: io.StringIO) -> None:
    with progress.shown(stream, quiet=True) as watch:
        watch(seen(Phase.STAGING, 1.0))
        watch(seen(Phase.DONE, 2.0))
    assert stream.getvalue() == ''


def test_bar_on_a_terminal() -> None:
    stream = Terminal()
    with progress.shown(stream, quiet=False) as watch:
        watch(seen(Phase.STAGING, 1.0))
        watch(seen(Phase.UPLOADING, 2.0, 16))
        watch(seen(Phase.FINISHING, 3.0, 64))
        watch(seen(Phase.DONE, 4.0))
    # It is drawn with control sequences, and is gone at the end.
    assert '\x1b[' in stream.getvalue()
    assert 'site_a' in stream.getvalue()


def test_bar_ends_when_the_copy_fails() -> None:
    stream = Terminal()
    with (
        contextlib.suppress(ZeroDivisionError),
        progress.shown(stream, quiet=False) as watch,
    ):
        watch(seen(Phase.STAGING, 1.0))
        raise ZeroDivisionError
    # The cursor, hidden while it is drawn, is shown again.
    hidden, shown = '\x1b[?25l', '\x1b[?25h'
    assert stream.getvalue().rindex(shown) > stream.getvalue().rindex(hidden)
