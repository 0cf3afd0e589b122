# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab.demo``: the main job on a lab that is up, to watch.

Everything is done with the commands that a person would type, and each is
shown.  What an earlier run made is removed first.
"""

import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rbd
from oslo_utils import units
from rich import box
from rich.console import Console
from rich.table import Table

from tests.lab import guest, image, layout
from tests.lab.lab import Lab

BIN = Path('.venv/bin')
PREFIX = 'demo-'
FIRST, SECOND, ELSEWHERE = (f'{PREFIX}{n}' for n in ('one', 'two', 'three'))

GO_ON = """\
The lab stays up. To go on, in {checkout}:

    . {bin}/activate
    . .lab/openrc-demo
    rbd-multistore --config-file .lab/site_b.conf image show {image}
    rbd-multistore --config-file .lab/site_b.conf volume create mine \
--image {image} --size 2
    rbd-multistore --config-file .lab/site_b.conf volume list
    rbd-multistore --config-file .lab/site_b.conf volume delete mine
    rbd -c .lab/ceph-site_a.conf ls --long vms
    make lab-down
"""


class Failed(Exception):
    """A command of the demo failed; it has said why."""


@dataclass
class Story:
    """What is told while it happens, and the table at the end."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.console.print(f'\n[bold]{text}[/bold]')

    def command(self, words: Sequence[str]) -> None:
        self.console.print(
            f'$ {shlex.join(words)}',
            style='cyan',
            markup=False,
            soft_wrap=True,
        )

    def output(self, text: str) -> None:
        self.console.print(text.rstrip(), markup=False, soft_wrap=True)

    def row(self, what: str, outcome: str, seconds: float) -> None:
        self.rows.append((what, outcome, seconds))

    def table(self) -> Table:
        table = Table(box=box.SIMPLE)
        table.add_column('what')
        table.add_column('what happened')
        table.add_column('seconds', justify='right')
        for what, outcome, seconds in self.rows:
            table.add_row(what, outcome, f'{seconds:.1f}')
        return table


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal, in the checkout, with an openrc sourced."""

    environ: Mapping[str, str]
    story: Story

    def run(self, *words: str) -> str:
        """Show a command, run it, and return what it prints on stdout.

        Its stderr goes where ours does: a copy draws its bar there.
        """
        self.story.command(words)
        return self.ask(*words)

    def ask(self, *words: str) -> str:
        """The same without showing it."""
        done = subprocess.run(
            words,
            cwd=layout.CHECKOUT,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f'{words[0]} ended with {done.returncode}')
        return done.stdout

    def openstack(self, *words: str) -> str:
        return self.run(str(BIN / 'openstack'), *words)

    def multistore(self, site: str, *words: str) -> str:
        conf = Path('.lab') / f'{site}.conf'
        program = str(BIN / 'rbd-multistore')
        return self.run(program, '--config-file', str(conf), *words)


@dataclass(frozen=True)
class Demo:
    """The steps, in order."""

    lab: Lab
    person: Person
    story: Story

    def run(self) -> None:
        self.story.heading('Away with what an earlier run has left')
        taken = self._clean()
        image_name = free_name(f'{PREFIX}image', taken)
        self.story.heading(
            'An image for the central store, which no site can clone from'
        )
        self._timed('upload the image', lambda: self._upload(image_name))
        self.story.heading(
            'A volume at site_a: the image is copied there first'
        )
        self._create('site_a', FIRST, '--image', image_name)
        self.story.heading('A second one: the image is there by now')
        self._create('site_a', SECOND, '--image', image_name, '--size', '1')
        self.story.heading('One at the other site')
        self._create('site_b', ELSEWHERE, '--image', image_name)
        self.story.heading(f'A guest that boots from {FIRST}')
        self._timed(f'boot from {FIRST}', self._boot)
        self.story.heading('What happened')
        self.story.console.print(self.story.table())
        self.story.output(
            GO_ON.format(checkout=layout.CHECKOUT, bin=BIN, image=image_name)
        )

    def _timed(self, what: str, act: Callable[[], str]) -> None:
        begun = time.monotonic()
        outcome = act()
        self.story.row(what, outcome, time.monotonic() - begun)

    def _clean(self) -> set[str]:
        """Remove what is ours; return the names of images that stay, as
        somebody has cloned them."""
        for site in self.lab.clusters:
            listed = self.person.multistore(
                site, 'volume', 'list', '-f', 'json'
            )
            for volume in json.loads(listed):
                if volume['name'] in (FIRST, SECOND, ELSEWHERE):
                    self.person.multistore(
                        site, 'volume', 'delete', volume['name']
                    )
        listed = self.person.openstack('image', 'list', '-f', 'json')
        ours = [i for i in json.loads(listed) if _is_ours(i['Name'])]
        return {i['Name'] for i in ours if not self._remove_image(i)}

    def _remove_image(self, found: Mapping[str, str]) -> bool:
        try:
            self.person.openstack('image', 'delete', found['ID'])
        except Failed:
            self.story.output(f'{found["Name"]} stays: it is in use')
            return False
        return True

    def _upload(self, name: str) -> str:
        self.person.openstack(
            *('image', 'create', name),
            *('--disk-format', 'raw', '--container-format', 'bare'),
            *(
                '--file',
                str(self.lab.paths.image.relative_to(layout.CHECKOUT)),
            ),
        )
        size = self.lab.paths.image.stat().st_size
        return f'{size // units.Mi} MiB in the file store central'

    def _create(self, site: str, name: str, *options: str) -> None:
        answer = self.person.multistore(
            site, 'volume', 'create', name, *options, '-f', 'json'
        )
        self.story.output(answer)
        made = json.loads(answer)
        outcome = 'copied to the site, then cloned'
        if not made['copied']:
            outcome = 'cloned from the copy at the site'
        self.story.row(f'{name} at {site}', outcome, made['seconds'])

    def _boot(self) -> str:
        disk = self.person.multistore('site_a', 'volume', 'xml', FIRST)
        self.story.output(disk)
        with tempfile.TemporaryDirectory(prefix='demo-') as directory:
            lines = guest.boot(self.lab.libvirt.uri, disk, Path(directory))
        for line in lines:
            self.story.console.print(f'serial port: [green]{line}[/green]')
        shown = self.person.multistore(
            'site_a', 'volume', 'show', FIRST, '-f', 'json'
        )
        parent: str = json.loads(shown)['parent']
        self._show_sector('the clone', 'vms', FIRST, None)
        pool, _, snapshot = parent.partition('/')
        self._show_sector('the parent', pool, *snapshot.split('@'))
        return 'it said so, and wrote to the clone alone'

    def _show_sector(
        self, what: str, pool: str, name: str, snapshot: str | None
    ) -> None:
        """Show the beginning of the sector that the guest writes."""
        with (
            self.lab.clusters['site_a'].connect() as cluster,
            cluster.open_ioctx(pool) as ioctx,
            rbd.Image(ioctx, name, snapshot, read_only=True) as disk,
        ):
            there: bytes = disk.read(
                image.MARKER_OFFSET_BYTES, len(image.MARKER)
            )
        words = there.decode() if there.strip(b'\0') else 'only zeros'
        self.story.output(f'sector {image.MARKER_SECTOR} of {what}: {words}')


def _is_ours(name: str | None) -> bool:
    return (name or '').startswith(f'{PREFIX}image')


def free_name(stem: str, taken: set[str]) -> str:
    number = 1
    name = stem
    while name in taken:
        number += 1
        name = f'{stem}-{number}'
    return name


def exported(openrc: Path) -> dict[str, str]:
    """What a shell would export on sourcing the file."""
    pairs: list[Any] = [
        word.partition('=')[::2]
        for word in shlex.split(openrc.read_text())
        if word != 'export'
    ]
    return dict(pairs)


def demo_person(lab: Lab, story: Story) -> Person:
    """The user ``demo`` at a terminal."""
    openrc = lab.paths.openrc('demo')
    story.command(['.', str(openrc.relative_to(layout.CHECKOUT))])
    return Person(exported(openrc), story)


def told(tell: Callable[[Lab, Story], None]) -> int:
    """Have a story told of the checkout's lab; the exit status."""
    # In order with what the commands print on stderr, on a pipe too.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        tell(Lab.of(layout.Layout.of_checkout()), Story())
    except Failed as exc:
        print(f'error: {exc}', file=sys.stderr)
        return 1
    return 0


def main() -> int:
    return told(
        lambda lab, story: Demo(lab, demo_person(lab, story), story).run()
    )


if __name__ == '__main__':
    sys.exit(main())
