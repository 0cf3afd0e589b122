# SPDX-License-Identifier: Apache-2.0
"""Every number that goes in, and where it comes from."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

GIB = 1024**3
MIB = 1024**2


def _number(source: str, words: str, value: float) -> Any:
    return dataclasses.field(
        default=value, metadata={'source': source, 'words': words}
    )


#: On the lab of this project (``make lab``).
_measured = functools.partial(_number, 'measured')
#: The default of the released software.
_default = functools.partial(_number, 'default')
#: Nobody's: it had to be something.
_chosen = functools.partial(_number, 'chosen')


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """The cloud. Sizes in bytes, times in seconds, rates in bytes a second.

    The service times are those of one request at a time, as its client sees
    them.
    """

    sites: int = _chosen('sites, each with one store', 100)
    computes: int = _chosen('computes a site', 10)
    images: int = _chosen('images, in the central store', 20)
    image_bytes: int = _chosen('size of each image', 2 * GIB)
    uplink_bytes_s: float = _chosen('uplink of the central site', 10e9 / 8)
    workers: int = _chosen('requests that Glance works on at a time', 15)
    task_threads: int = _default('copies at a time in each of its workers', 16)
    stage_bytes_s: float = _measured('staging, each copy', 120 * MIB)
    stream_bytes_s: float = _measured('upload or download, each', 110 * MIB)
    mark_s: float = _measured('from answer 202 to the list of stores', 0.12)
    join_s: float = _measured('from the snapshot to the list of stores', 0.05)
    unlock_s: float = _measured('from the last store to no lock', 0.12)
    image_s: float = _measured('GET image', 0.0131)
    schema_s: float = _measured('GET schema', 0.0040)
    locations_s: float = _measured('GET locations', 0.0125)
    tasks_s: float = _measured('GET tasks', 0.0074)
    stores_s: float = _measured('GET stores', 0.0017)
    detail_s: float = _measured('GET stores in detail', 0.0293)
    refuse_s: float = _measured('POST import, refused', 0.0270)
    accept_s: float = _measured('POST import, accepted', 0.0453)


def rows(numbers: Assumptions) -> list[list[str]]:
    """Return what is assumed, how much, and where that comes from."""
    return [
        [
            field.metadata['words'],
            _amount(field.name, getattr(numbers, field.name)),
            field.metadata['source'],
        ]
        for field in dataclasses.fields(numbers)
    ]


def _amount(name: str, value: float) -> str:
    if name == 'uplink_bytes_s':
        return f'{value * 8 / 1e9:g} Gbit/s'
    if name.endswith('_bytes_s'):
        return f'{value / MIB:g} MiB/s'
    if name.endswith('_bytes'):
        return f'{value / GIB:g} GiB'
    return f'{value * 1000:g} ms' if name.endswith('_s') else f'{value}'
