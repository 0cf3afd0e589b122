# SPDX-License-Identifier: Apache-2.0
"""What ``rbd-multistore check`` reports."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.functional.main_job.program import Outcome

CLUSTER = (
    'libvirt pool',
    'secret',
    'cluster',
    'read the pool',
    'write to the pool',
    'no more caps than needed',
    'versions',
)
CLOUD = (
    'credentials',
    'clock',
    'glance',
    'store',
    'locations',
    'copy policy',
)
DEEP = ('clone',)

STATUSES = {'ok': 0, 'warning': 1, 'failure': 2}


@dataclass(frozen=True)
class Row:
    """What one check came to."""

    result: str
    detail: str
    remedy: str


@dataclass(frozen=True)
class Report:
    """What a run came to: its rows by check, in the order of the table."""

    status: int
    rows: dict[str, Row]

    @classmethod
    def of(cls, outcome: Outcome) -> Report:
        """Read what a run with ``-f json`` printed."""
        assert _said(outcome.stderr) == [], outcome
        rows = {}
        for row in outcome.json:
            assert list(row) == ['check', 'result', 'detail', 'what to do']
            name, *rest = row.values()
            assert name not in rows
            rows[name] = Row(*rest)
        report = cls(outcome.status, rows)
        assert report.status == max(STATUSES[r.result] for r in rows.values())
        for row in rows.values():
            # What is well needs no doing, and what is not always does.
            assert bool(row.remedy) is (row.result != 'ok'), row
        return report

    def __getitem__(self, check: str) -> Row:
        return self.rows[check]

    def bad(self) -> dict[str, str]:
        """Return the result of each check that is not well."""
        return {
            name: row.result
            for name, row in self.rows.items()
            if row.result != 'ok'
        }


# As librados logs what went wrong before a connection is there: on stderr,
# whatever its options say.
_OF_LIBRADOS = re.compile(r'\d{4}-\d\d-\d\dT\S+ [0-9a-f]+ -1 ')


def _said(stderr: str) -> list[str]:
    """Return the lines that are the program's own."""
    return [
        line
        for line in stderr.splitlines()
        if line and not _OF_LIBRADOS.match(line)
    ]
