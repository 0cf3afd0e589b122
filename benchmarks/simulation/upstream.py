# SPDX-License-Identifier: Apache-2.0
"""A boot by the rules of Nova 34: ``nova.virt.libvirt.imagebackend.Rbd``."""

from __future__ import annotations

import simpy

from benchmarks.simulation.glance import Answer, Doing, Record, World
from benchmarks.simulation.scenarios import Boot, End, Nova
from rbd_multistore.glance.image import Image


class Computes:
    """The computes, each with its lock files and its image cache."""

    def __init__(self, world: World, rules: Nova):
        """Start with image caches that are empty."""
        self._env = world.env
        self._numbers = world.numbers
        self._glance = world.glance
        self._rules = rules
        self._locks: dict[tuple[int, int], simpy.Resource] = {}
        self._cached: set[tuple[int, int]] = set()

    def boot(self, boot: Boot) -> Doing[End]:
        """Boot one instance: one at a time of an image on a compute."""
        key = boot.compute, boot.image
        record = self._glance.records[boot.image]
        lock = self._locks.setdefault(key, simpy.Resource(self._env))
        with lock.request() as turn:
            yield turn
            if key not in self._cached:
                if (yield from self._clone(record, boot.store)):
                    return End.CLONED
                if self._rules.never_download:
                    return End.FAILED
                yield from self._glance.download(record)
                self._cached.add(key)
        # A file in the image cache is imported, wherever the image is.
        numbers = self._numbers
        yield self._env.timeout(numbers.image_bytes / numbers.stream_bytes_s)
        return End.FLAT

    def _clone(self, record: Record, store: str) -> Doing[bool]:
        """Clone; ``False``: ``ImageUnacceptable``."""
        image = yield from self._image(record)
        if store in image.stores:
            return True
        answer = yield from self._glance.copy(record, frozenset({store}))
        if answer is Answer.LOCKED:
            return False
        if not (yield from self._wait_for_copy(record, store)):
            return False
        yield from self._image(record)
        return True

    def _wait_for_copy(self, record: Record, store: str) -> Doing[bool]:
        """Look at a fixed interval; ``False``: it timed out."""
        began_s = self._env.now
        while True:
            look_s = self._env.now
            image = yield from self._image(record)
            if store in image.held_by:
                return True
            if self._env.now - began_s > self._rules.timeout_s:
                return False
            took_s = self._env.now - look_s
            yield self._env.timeout(max(self._rules.interval_s - took_s, 0.0))

    def _image(self, record: Record) -> Doing[Image]:
        """Look at an image, with a client that is made for this one look."""
        numbers = self._numbers
        yield from self._glance.get(numbers.image_s)
        image = record.shown
        yield from self._glance.get(numbers.schema_s)
        return image
