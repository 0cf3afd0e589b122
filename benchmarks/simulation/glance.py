# SPDX-License-Identifier: Apache-2.0
"""Glance: an API of so many workers, one lock an image, and the copies.

Only what a client sees of it, as ``rbd_multistore.copying.machine`` tells.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import random
from collections.abc import Generator
from typing import Any, TypeVar

import simpy

from benchmarks.simulation.assumptions import Assumptions
from benchmarks.simulation.uplink import Uplink
from rbd_multistore.glance.image import Image, decode_image

_T = TypeVar('_T')

#: Something that takes simulated time, and returns what it came to.
Doing = Generator[simpy.Event, Any, _T]


class Answer(enum.Enum):
    """What Glance answers to a request for a copy."""

    ACCEPTED = 202
    PRESENT = 400
    LOCKED = 409


class Record:
    """An image, as Glance has it.

    :ivar shown: as Glance shows it now
    :ivar begun: the stores to which an upload has begun
    :ivar whole: for each store, an event that comes once all is written
    :ivar unlocked_s: when its lock was let go of; ``None``: never yet
    """

    def __init__(self, env: simpy.Environment, number: int, size_bytes: int):
        """Begin with an image that is in the central store alone."""
        self.begun: set[str] = set()
        self.whole = collections.defaultdict(env.event)
        self.unlocked_s: float | None = None
        self.shown = decode_image(
            {
                'id': f'image-{number}',
                'status': 'active',
                'disk_format': 'raw',
                'size': size_bytes,
                'stores': 'central',
            }
        )

    def change(self, **values: Any) -> None:
        """Show other values from now on."""
        self.shown = dataclasses.replace(self.shown, **values)


class Glance:
    """One Glance, with all of its workers.

    :ivar requests: how many reached it in each second
    :ivar refused: requests for a copy that it refused with 409
    :ivar longest_s: the longest time that a request waited for a worker
    :ivar idle_s: for each accepted request but the first for its image, how
        long nobody had held the image's lock
    """

    def __init__(
        self, env: simpy.Environment, numbers: Assumptions, uplink: Uplink
    ):
        """Start with the images of *numbers*."""
        self.requests: collections.Counter[int] = collections.Counter()
        self.refused = 0
        self.longest_s = 0.0
        self.idle_s: list[float] = []
        self.records = tuple(
            Record(env, number, numbers.image_bytes)
            for number in range(numbers.images)
        )
        self._env = env
        self._numbers = numbers
        self._uplink = uplink
        self._workers = simpy.Resource(env, numbers.workers)
        self._threads = simpy.Resource(
            env, numbers.workers * numbers.task_threads
        )
        self._tasks = 0

    def get(self, *services_s: float) -> Doing[None]:
        """Send requests that take *services_s*, one after the other."""
        for service_s in services_s:
            with self._workers.request() as worker:
                yield from self._wait_for(worker)
                yield self._env.timeout(service_s)

    def image(self, record: Record) -> Doing[Image]:
        """Look at an image."""
        yield from self.get(self._numbers.image_s)
        return record.shown

    def copy(self, record: Record, stores: frozenset[str]) -> Doing[Answer]:
        """Ask for an image in *stores*."""
        numbers = self._numbers
        with self._workers.request() as worker:
            yield from self._wait_for(worker)
            yield self._env.timeout(numbers.refuse_s)
            if record.shown.lock:
                self.refused += 1
                return Answer.LOCKED
            if stores & record.shown.stores:
                return Answer.PRESENT
            self._lock(record)
            self._env.process(self._run(record, stores))
            yield self._env.timeout(numbers.accept_s - numbers.refuse_s)
            return Answer.ACCEPTED

    def download(self, record: Record) -> Doing[None]:
        """Have the image sent, which keeps a worker busy all the time."""
        with self._workers.request() as worker:
            yield from self._wait_for(worker)
            yield self._uplink.carry(record.shown.size_bytes)

    def _wait_for(self, worker: simpy.Event) -> Doing[None]:
        came_s = self._env.now
        self.requests[int(came_s)] += 1
        yield worker
        self.longest_s = max(self.longest_s, self._env.now - came_s)

    def _lock(self, record: Record) -> None:
        if record.unlocked_s is not None:
            self.idle_s.append(self._env.now - record.unlocked_s)
        self._tasks += 1
        record.change(lock=f'task-{self._tasks}')

    def _run(self, record: Record, stores: frozenset[str]) -> Doing[None]:
        """Copy: stage once, then upload to one store after the other."""
        numbers, size_bytes = self._numbers, record.shown.size_bytes
        with self._threads.request() as thread:
            yield thread
            yield self._env.timeout(numbers.mark_s)
            record.change(importing=stores)
            yield self._env.timeout(size_bytes / numbers.stage_bytes_s)
            for store in sorted(stores):
                record.begun.add(store)
                yield self._uplink.carry(size_bytes)
                record.whole[store].succeed()
                yield self._env.timeout(numbers.join_s)
                record.change(
                    stores=record.shown.stores | {store},
                    importing=record.shown.importing - {store},
                )
            yield self._env.timeout(numbers.unlock_s)
            record.change(lock='')
            record.unlocked_s = self._env.now


@dataclasses.dataclass(frozen=True)
class World:
    """What all the computes of a run share.

    :ivar dice: of the computes, not of the crowd
    """

    env: simpy.Environment
    numbers: Assumptions
    glance: Glance
    dice: random.Random
