# SPDX-License-Identifier: Apache-2.0
"""What an instance shows while it waits for a copy."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest

from rbd_multistore.copying.progress import Phase, Progress
from rbd_multistore.nova.progress import Shown

MIB = 1 << 20
SEEN = Progress('an-image', 'site_a', Phase.UPLOADING, 9.0, 64 * MIB, 16 * MIB)


class Deleted(Exception):
    """What Nova raises where the instance is being deleted."""


@dataclasses.dataclass
class Instance:
    """As far as Nova's is used."""

    task_state: str = 'spawning'
    progress: int = 0
    saved: list[tuple[int, list[str]]] = dataclasses.field(
        default_factory=list
    )

    def save(self, expected_task_state: list[str]) -> None:
        self.saved.append((self.progress, expected_task_state))


def shown(instance: Any, *times_s: float) -> Shown:
    return Shown(instance, (Deleted,), iter([0.0, *times_s]).__next__)


def test_saved_every_five_seconds() -> None:
    instance = Instance()
    watch = shown(instance, 1.0, 5.0, 9.0, 10.0)
    for _ in range(4):
        watch(SEEN)
    assert instance.saved == [(25, ['spawning'])] * 2


@pytest.mark.parametrize(
    ('total', 'written', 'percent'),
    [(0, 0, 0), (64, None, 0), (64, 0, 0), (3, 1, 33), (64, 64, 99)],
)
def test_percent(total: int, written: int | None, percent: int) -> None:
    instance = Instance()
    seen = dataclasses.replace(SEEN, total_bytes=total, written_bytes=written)
    shown(instance, 5.0)(seen)
    assert instance.saved == [(percent, ['spawning'])]


def test_logged_every_thirty_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    watch = shown(None, 29.0, 30.0, 59.0, 60.0)
    for _ in range(4):
        watch(SEEN)
    assert len(caplog.records) == 2
    assert '16 of 64 MiB' in caplog.text


def test_end() -> None:
    instance = Instance(progress=25)
    watch = shown(instance)
    watch.end()
    assert instance.progress == 0
    assert instance.saved == []
    shown(None).end()


class Away(Instance):
    """Its conductor is not there, or tells of a deletion."""

    def __init__(self, error: type[Exception]):
        super().__init__()
        self.error = error

    def save(self, expected_task_state: list[str]) -> None:
        super().save(expected_task_state)
        raise self.error


def test_conductor_that_is_away_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It took 60 s to find out: asked again 5 s after that."""
    instance = Away(TimeoutError)
    watch = shown(instance, 5.0, 65.0, 69.0, 70.0, 130.0)
    for _ in range(3):
        watch(SEEN)
    assert len(instance.saved) == 2
    assert 'not shown' in caplog.text


def test_deletion_passes() -> None:
    with pytest.raises(Deleted):
        shown(Away(Deleted), 5.0)(SEEN)
