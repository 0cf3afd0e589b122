# SPDX-License-Identifier: Apache-2.0
"""What a volume costs, for the most part in numbers of no machine.

From the OSD's counters and Glance's log, before and after. They count every
client, so nothing else may use the site meanwhile.
"""

from __future__ import annotations

import json
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rados

from benchmarks.contender import Contender
from benchmarks.measure import Sweep, volume_name

#: What Glance, at its level DEBUG, logs for each request.
REQUEST = b'Determining version of request: '


@dataclass(frozen=True)
class Cost:
    """What one volume costs, on average.

    :ivar reads: requests to the OSD that change nothing
    :ivar writes: requests to the OSD that change something
    :ivar commits: transactions that the OSD makes durable
    :ivar connections: that were made to the OSD
    :ivar glance: requests to Glance
    :ivar osd_ms: milliseconds that the OSD worked on the requests; this and
        the next depend on the machine
    :ivar cpu_ms: milliseconds of processor time of this process and of the
        commands it runs
    """

    reads: float
    writes: float
    commits: float
    connections: float
    glance: float
    osd_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Meter:
    """Where the counters are.

    :ivar admin: a connection that may ask the OSD
    :ivar glance_log: the log of glance-api
    """

    admin: rados.Rados
    glance_log: Path

    def of(self, contender: Contender, volumes: int, sweep: Sweep) -> Cost:
        """Let *contender* make some volumes, and see what they cost."""
        before = self._read()
        for _ in range(volumes):
            contender.make(volume_name())
        after = self._read()
        sweep()
        return Cost(
            **{name: (after[name] - before[name]) / volumes for name in before}
        )

    def _read(self) -> dict[str, float]:
        counted = self._perf_dump()
        osd = counted['osd']
        return {
            'reads': osd['op_r'],
            # What reads and writes in one request is a write.
            'writes': osd['op_w'] + osd['op_rw'],
            'commits': counted['bluestore']['commit_lat']['avgcount'],
            'connections': sum(
                section['msgr_created_connections']
                for name, section in counted.items()
                if name.startswith('AsyncMessenger::')
            ),
            'glance': glance_requests(self.glance_log),
            'osd_ms': osd['op_latency']['sum'] * 1000,
            'cpu_ms': _cpu_s() * 1000,
        }

    def _perf_dump(self) -> Any:
        command = json.dumps({'prefix': 'perf dump'})
        code, answer, words = self.admin.osd_command(0, command, b'')
        if code:
            raise RuntimeError(f'perf dump: {words or code}')
        return json.loads(answer)


def glance_requests(log: Path) -> int:
    """Return how many requests Glance has logged."""
    return log.read_bytes().count(REQUEST)


def _cpu_s() -> float:
    used = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
