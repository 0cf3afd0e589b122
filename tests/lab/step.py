# SPDX-License-Identifier: Apache-2.0
"""Steps of the lab: some at once, one line each with its seconds."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True)
class Steps:
    """Runs steps on an executor's threads and says how long each took."""

    executor: Executor
    say: Say

    def begin(self, name: str, work: Callable[[], None]) -> Future[None]:
        return self.executor.submit(self._run, name, work)

    def finish(self, steps: Sequence[Future[None]]) -> None:
        """Wait for all of them, then raise the first one's error, if any."""
        wait(steps)
        for one in steps:
            one.result()

    def _run(self, name: str, work: Callable[[], None]) -> None:
        begun = time.monotonic()
        try:
            work()
        except BaseException:
            self.say(_line(name, begun, 'FAILED'))
            raise
        self.say(_line(name, begun, 'done'))


def _line(name: str, begun: float, result: str) -> str:
    return f'{name:<24} {result:<6} {time.monotonic() - begun:6.1f} s'
