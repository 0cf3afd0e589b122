# SPDX-License-Identifier: Apache-2.0
"""The miss path: the image is elsewhere, so that Glance has to copy it.

What counts is how much longer a client takes than Glance did, which its own
record of the copy tells to the microsecond.
"""

from __future__ import annotations

import contextlib
import datetime
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystoneauth1 import adapter

from benchmarks import cost, figures, ours, stage, upstream
from benchmarks.contender import Asking
from benchmarks.measure import Say, volume_name
from tests.lab import glance as lab_glance
from tests.lab import image as lab_image
from tests.lab import wait
from tests.lab.lab import Lab

OURS = 'ours'
NOVA = 'nova'

MIB = 1024**2
SETTLED_S = 60.0


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    :ivar sizes_mib: of the images
    :ivar at_most: the goal: this many times as long as Glance's own copy,
    :ivar or_more_s: or so many seconds longer, whichever is more
    """

    sizes_mib: tuple[int, ...]
    at_most: float = 1.05
    or_more_s: float = 1.0


@dataclass(frozen=True)
class Trial:
    """One volume of an image that had to be copied.

    :ivar seconds: from the call to the disk's XML
    :ivar glance_s: what Glance itself took for the copy
    :ivar requests: to Glance
    """

    name: str
    size_mib: int
    seconds: float
    glance_s: float
    requests: int


@dataclass(frozen=True)
class Result:
    """What the miss path came to."""

    plan: Plan
    trials: tuple[Trial, ...]
    goals: tuple[figures.Goal, ...]


@dataclass(frozen=True)
class Elsewhere:
    """An image that is in the central store alone, time and again."""

    lab: Lab
    glance: adapter.Adapter
    sweeper: stage.Sweeper
    document: dict[str, Any]

    def copy_s(self) -> float:
        """Return how long Glance took for its last copy of the image."""
        last = max(self._tasks(), key=lambda task: str(task['created_at']))
        created, updated = (
            datetime.datetime.fromisoformat(last[moment])
            for moment in ('created_at', 'updated_at')
        )
        return (updated - created).total_seconds()

    def requests(self) -> int:
        """Return how many requests Glance has had."""
        return cost.glance_requests(self.lab.glance.service.log)

    def settle(self) -> None:
        """Wait until Glance is done with the image."""
        wait.until(self._is_settled, 'end of the copy', timeout_s=SETTLED_S)

    def put_back(self) -> None:
        """Remove the volumes and the copy, so that it is a miss again."""
        self.sweeper.sweep()
        found = self.glance.get(self._path).json()
        if stage.SITE in found['stores'].split(','):
            image_id = self.document['id']
            self.glance.delete(f'/v2/stores/{stage.SITE}/{image_id}')

    @property
    def _path(self) -> str:
        return f'/v2/images/{self.document["id"]}'

    def _is_settled(self) -> bool:
        found = self.glance.get(self._path).json()
        return not found.get('os_glance_import_task') and all(
            task['status'] in ('success', 'failure') for task in self._tasks()
        )

    def _tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.glance.get(
            f'{self._path}/tasks'
        ).json()['tasks']
        return tasks


def run(lab: Lab, plan: Plan, say: Say) -> Result:
    """Measure the miss path."""
    trials: list[Trial] = []
    for size_mib in plan.sizes_mib:
        say(f'copying an image of {size_mib} MiB, each in turn')
        with elsewhere(lab, size_mib) as image:
            both = contenders(lab, image)
            if not trials:
                # Glance's first copy loads what the later ones find.
                trial(both[0], image, size_mib)
            trials += [trial(one, image, size_mib) for one in both]
    goals = (_goal(one, plan) for one in trials)
    return Result(plan, tuple(trials), tuple(goals))


@contextlib.contextmanager
def elsewhere(lab: Lab, size_mib: int) -> Iterator[Elsewhere]:
    """Make an image and put it into the central store; remove it again."""
    with (
        tempfile.TemporaryDirectory(dir=lab.paths.root) as scratch,
        stage.sweeper(lab, stage.place()) as sweeper,
    ):
        data = Path(scratch) / 'image.raw'
        lab_image.make(data, size_mib * MIB)
        with stage.image(lab, data, lab_glance.CENTRAL) as document:
            glance = stage.glance_as_admin(lab)
            image = Elsewhere(lab, glance, sweeper, document)
            try:
                yield image
            finally:
                # An image whose copy still runs leaves half of it behind.
                with contextlib.suppress(wait.TimedOut):
                    image.settle()
                sweeper.sweep()


def contenders(lab: Lab, image: Elsewhere) -> tuple[Asking, Asking]:
    """Return ours and Nova, at their default settings."""
    site = lab.clusters[stage.SITE]
    size_bytes = 2 * image.document['size']
    task = stage.task(image.document, stage.place(), size_bytes)
    return (
        ours.with_glance(OURS, task, lab.paths.site_conf(stage.SITE)),
        upstream.with_glance(NOVA, task, lab, site),
    )


def trial(contender: Asking, image: Elsewhere, size_mib: int) -> Trial:
    """Let *contender* make a volume; then put the image back."""
    volume = volume_name()
    contender.look()
    requests = image.requests()
    begun = time.perf_counter()
    xml = contender.make(volume)
    seconds = time.perf_counter() - begun
    requests = image.requests() - requests
    image.sweeper.check_made(contender, volume, xml)
    image.settle()
    done = Trial(contender.name, size_mib, seconds, image.copy_s(), requests)
    image.put_back()
    return done


def _goal(trial: Trial, plan: Plan) -> figures.Goal:
    name = f'{trial.name} / Glance itself, {trial.size_mib} MiB'
    ratio = figures.Ratio(name, trial.seconds / trial.glance_s)
    if trial.name != OURS:
        return figures.Goal(ratio)
    limit = max(plan.at_most, 1 + plan.or_more_s / trial.glance_s)
    return figures.Goal(ratio, at_most=round(limit, 2))
