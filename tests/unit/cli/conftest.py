# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rbd_multistore.cli import main
from rbd_multistore.virt.libvirtd import Libvirt
from tests.unit.parts import URI, Parts


class Site:
    """What a command asks of a site, on the parts in memory."""

    def __init__(self, parts: Parts):
        self.images = parts.images
        self.volumes = parts.volumes
        self.backend = parts.backend
        self.copier = parts.copier
        self.store = parts.copier.store
        self.libvirt = Libvirt(URI)
        self.definition = parts.storage.definition()
        self.asked_for: list[tuple[str, str, str]] = []
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def disk_xml(self, name: str, target: str, bus: str) -> str:
        self.asked_for.append((name, target, bus))
        return f'<disk name="{name}"/>\n'


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a command did.

    :ivar status: its exit status
    """

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def site(parts: Parts) -> Site:
    return Site(parts)


@pytest.fixture
def run(site: Site, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line on the site in memory."""

    def go(*argv: str) -> Ended:
        shell = main.Shell()
        shell.site = site  # type: ignore[assignment]
        return ended(lambda: shell.run(list(argv)), capsys)

    return go


@pytest.fixture
def run_program(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program as a user does, on a site of the config files."""

    def go(*argv: str) -> Ended:
        return ended(lambda: main.main(list(argv)), capsys)

    return go


def ended(
    program: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> Ended:
    with logging_of_its_own():
        try:
            status = program()
        except SystemExit as exc:
            status = int(exc.code or 0)
    out, err = capsys.readouterr()
    return Ended(status, out, err)


@contextlib.contextmanager
def logging_of_its_own() -> Iterator[None]:
    """Undo what the program does to logging, as if it had ended."""
    root = logging.getLogger('')
    handlers, level = list(root.handlers), root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
