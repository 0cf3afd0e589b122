# SPDX-License-Identifier: Apache-2.0
"""Daemons of the lab: started detached, remembered, stopped by their id.

A daemon is remembered as its process id together with the moment that process
was started and the boot it was started in, so that a process id which the
kernel has given to somebody else is never signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import layout, wait

BOOT_ID = Path('/proc/sys/kernel/random/boot_id')


class Failed(Exception):
    """A command or a daemon of the lab failed; ``log`` says why."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Identity:
    """One process of one boot."""

    pid: int
    started: int  # clock ticks since boot, field 22 of /proc/PID/stat
    boot: str

    @classmethod
    def of(cls, pid: int) -> 'Identity | None':
        """None if there is no such process, or only its zombie."""
        try:
            stat = Path(f'/proc/{pid}/stat').read_text()
        except OSError:
            return None
        # The second field is the name in brackets and may hold anything.
        fields = stat[stat.rindex(')') + 2 :].split()
        if fields[0] in 'ZX':
            return None
        return cls(pid, int(fields[19]), BOOT_ID.read_text().strip())


@dataclass(frozen=True)
class Daemon:
    """One process of the lab that runs until it is told to stop.

    :ivar stop_timeout_s: seconds between SIGTERM and SIGKILL.
    """

    name: str
    command: Sequence[str]
    pid_file: Path
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    stop_timeout_s: float = 30.0

    def identity(self) -> Identity | None:
        """The running process, None if it does not run."""
        try:
            known = Identity(**json.loads(self.pid_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        with contextlib.suppress(ChildProcessError):
            os.waitpid(known.pid, os.WNOHANG)
        return known if Identity.of(known.pid) == known else None

    def running(self) -> bool:
        return self.identity() is not None

    def frozen(self) -> bool:
        """Whether it is there and was stopped (SIGSTOP)."""
        identity = self.identity()
        if identity is None:
            return False
        try:
            stat = Path(f'/proc/{identity.pid}/stat').read_text()
        except OSError:
            return False
        return stat[stat.rindex(')') + 2] == 'T'

    def start(self) -> bool:
        """Start it unless it runs; True if this call started it.

        One that was frozen goes on.
        """
        if self.running():
            self.kill(signal.SIGCONT)
            return False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawnp(
            self.command[0],
            list(self.command),
            environment(self.environ),
            setsid=True,
            file_actions=_redirected(self.log),
        )
        identity = Identity.of(pid)
        if identity is None:
            raise Failed(f'{self.name} ended at once', self.log)
        layout.write(self.pid_file, json.dumps(vars(identity)))
        return True

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, if it runs.

        SIGKILL goes to the processes that it has started, too, but for those
        that have left its group, as guests do; their end is not waited for.
        """
        identity = self.identity()
        if identity is None:
            return
        send = os.killpg if number == signal.SIGKILL else os.kill
        with contextlib.suppress(ProcessLookupError):
            send(identity.pid, number)
        if number == signal.SIGKILL:
            self._wait_for_end(30.0)

    def stop(self) -> bool:
        """SIGTERM, then SIGKILL; True if it was running."""
        was_running = self.running()
        if was_running:
            self.kill(signal.SIGCONT)
            self.kill(signal.SIGTERM)
            try:
                self._wait_for_end(self.stop_timeout_s)
            except wait.TimedOut:
                self.kill()
        self.pid_file.unlink(missing_ok=True)
        return was_running

    def require(self) -> None:
        """Raise :class:`Failed` if it has ended."""
        if not self.running():
            raise Failed(f'{self.name} ended by itself', self.log)

    def _wait_for_end(self, timeout_s: float) -> None:
        wait.until(
            lambda: not self.running(),
            f'end of {self.name}',
            timeout_s=timeout_s,
            pause_s=0.02,
        )


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would lead a daemon or a tool
    to another cloud or cluster, and with ``extra``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('OS_', 'CEPH_', 'LIBVIRT_', 'PYTHON'))
    }
    return {**kept, **extra}


def run(
    command: Sequence[str],
    log: Path,
    *,
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 300.0,
) -> None:
    """Run a command to its end, its output into ``log``.

    It does not outlive us: a lab that was killed while it was made must not
    go on being made when the next one begins.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as stream:
        done = subprocess.run(
            ['setpriv', '--pdeathsig', 'KILL', *command],
            env=environment(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            timeout=timeout_s,
            check=False,
        )
    if done.returncode:
        raise Failed(f'{command[0]} ended with {done.returncode}', log)


def _redirected(log: Path) -> list[tuple[int, ...] | tuple[int | str, ...]]:
    """A daemon that kept our standard output open would hang the shell that
    waits for its end, so all three go elsewhere."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return [
        (os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
