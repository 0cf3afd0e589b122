# SPDX-License-Identifier: Apache-2.0
"""Thousands of volumes are listed, nine of ten of them clones.

The floor asks the OSD what it has to be asked and decodes nothing. librbd
opens each volume, some at a time, as ``rbd ls --long`` does.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import rados
import rbd

from benchmarks import crowd, figures, stage
from benchmarks.measure import Samples, Say
from rbd_multistore.ceph.cluster import Access, Cluster
from rbd_multistore.ceph.listing import list_volumes
from rbd_multistore.ceph.volumes import Volumes
from tests.lab import ceph
from tests.lab.lab import Lab

OURS = 'ours'
FLOOR = 'floor'
LIBRBD = 'librbd'
THREADS = 8
HEAD = struct.pack('<Q', (1 << 64) - 2)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    :ivar volumes: in the pool
    :ivar opened: of those, opened one by one; the rest would take as long
    :ivar rounds: in each of which each contender lists once
    """

    volumes: int = 5000
    opened: int = 500
    rounds: int = 5


@dataclass(frozen=True)
class Result:
    """What it took.

    :ivar latencies: of one volume of the list
    """

    plan: Plan
    latencies: tuple[figures.Latency, ...]
    goals: tuple[figures.Goal, ...]


def run(lab: Lab, plan: Plan, say: Say) -> Result:
    """Let the contenders list the same pool in turns."""
    site = lab.clusters[stage.SITE]
    with (
        stage.image(lab, lab.paths.image, stage.SITE) as image,
        crowd.crowd(lab, 0),
        site.connect('nova') as connection,
    ):
        say(f'making {plan.volumes} volumes to list')
        _fill(connection, image['id'], plan.volumes)
        say('listing them')
        with _contenders(site, connection, plan) as contenders:
            samples = _race(contenders, plan)
    return Result(plan, figures.latencies(samples), tuple(_goals(samples)))


def _race(contenders: Mapping[str, Callable[[], int]], plan: Plan) -> Samples:
    """Return the seconds for each volume, list by list."""
    samples: Samples = {name: [] for name in contenders}
    for _ in range(plan.rounds):
        for name, lists in contenders.items():
            begun = time.perf_counter()
            volumes = lists()
            samples[name].append((time.perf_counter() - begun) / volumes)
    return samples


@contextlib.contextmanager
def _contenders(
    site: ceph.Cluster, connection: rados.Rados, plan: Plan
) -> Iterator[Mapping[str, Callable[[], int]]]:
    """Give those who list, each of whom tells how many volumes it saw."""
    access = Access(conffile=str(site.client_conf('nova')), user='nova')
    volumes = Volumes(Cluster(access, 30), crowd.POOL)
    with connection.open_ioctx(crowd.POOL) as disks:
        yield {
            OURS: lambda: len(list_volumes(volumes)),
            FLOOR: lambda: _ask_all(disks),
            LIBRBD: lambda: _open_some(disks, plan.opened),
        }
    volumes.cluster.close()


def _ask_all(disks: rados.Ioctx) -> int:
    def ask(image: dict[str, str]) -> Any:
        header = f'rbd_header.{image["id"]}'
        disks.execute(header, 'rbd', 'get_size', HEAD)
        return disks.execute(header, 'rbd', 'get_parent', HEAD)

    with ThreadPoolExecutor(THREADS) as threads:
        return len(list(threads.map(ask, rbd.RBD().list2(disks))))


def _open_some(disks: rados.Ioctx, count: int) -> int:
    def show(name: str) -> Any:
        with rbd.Image(disks, name, read_only=True) as image:
            with contextlib.suppress(rbd.ImageNotFound):
                image.get_parent_image_spec()
            return image.size()

    with ThreadPoolExecutor(THREADS) as threads:
        names = rbd.RBD().list(disks)[:count]
        return len(list(threads.map(show, names)))


def _fill(connection: rados.Rados, image: str, count: int) -> None:
    with (
        connection.open_ioctx('images') as images,
        connection.open_ioctx(crowd.POOL) as disks,
        ThreadPoolExecutor(crowd.THREADS) as threads,
    ):

        def make(number: int) -> None:
            name = f'volume-{number}'
            if number % 10:
                rbd.RBD().clone(images, image, 'snap', disks, name)
            else:
                rbd.RBD().create(disks, name, crowd.VOLUME_BYTES)

        list(threads.map(make, range(count)))


def _goals(samples: Samples) -> Iterator[figures.Goal]:
    yield figures.Goal(figures.ratio(samples, OURS, FLOOR), at_most=2.5)
    yield figures.Goal(figures.ratio(samples, OURS, LIBRBD), at_most=0.25)
