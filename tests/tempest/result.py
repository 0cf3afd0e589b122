# SPDX-License-Identifier: Apache-2.0
"""What a run came to, read from the lines that stestr prints."""

import collections
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

OK, FAILED, SKIPPED = 'ok', 'FAILED', 'SKIPPED'

#: ``{worker} test [seconds] ... outcome: reason``; a class that is skipped
#: whole is ``setUpClass (class)``.
LINE = re.compile(
    r'\{\d+\} (?:(?:setUp|tearDown)Class \()?(?P<test>[\w.]+)(?:\[.*\])?\)?'
    r'(?: \[(?P<seconds>[\d.]+)s\])? \.\.\. '
    r'(?P<outcome>ok|FAILED|SKIPPED)(?:: (?P<reason>.*))?'
)


@dataclass(frozen=True)
class Result:
    """Of one test, or of a class that could not be set up.

    :ivar reason: why it was skipped, else ''.
    """

    test: str
    outcome: str
    seconds: float
    reason: str

    @property
    def module(self) -> str:
        """The test's module, without ``tempest.api.``."""
        words = self.test.removeprefix('tempest.api.').split('.')
        end = next(n for n, word in enumerate(words) if word[0].isupper())
        return '.'.join(words[:end])


def read(line: str) -> Result | None:
    """What a line says, or None if it is about no test."""
    match = LINE.fullmatch(line.strip())
    if not match:
        return None
    return Result(
        match['test'],
        match['outcome'],
        float(match['seconds'] or 0),
        match['reason'] or '',
    )


def table(results: Iterable[Result]) -> Iterator[str]:
    """Counts by module, and in all."""
    counts = collections.Counter((r.module, r.outcome) for r in results)
    modules = sorted({module for module, _ in counts})
    yield f'{"":<44} {"passed":>7} {"failed":>7} {"skipped":>7}'
    for module in modules:
        yield _row(module, [counts[module, o] for o in (OK, FAILED, SKIPPED)])
    outcomes = collections.Counter(r.outcome for r in results)
    yield _row('all', [outcomes[o] for o in (OK, FAILED, SKIPPED)])


def of(results: Iterable[Result], outcome: str) -> list[Result]:
    """Those that came to this."""
    return [one for one in results if one.outcome == outcome]


def _row(name: str, counts: Sequence[int]) -> str:
    return f'{name:<44} ' + ' '.join(f'{count:>7}' for count in counts)
