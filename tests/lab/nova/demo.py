# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab.nova.demo``: servers that boot from an image which no
site has at first, to watch, on a lab with a Nova that is up.

Everything is done with the commands that a person would type, and each is
shown.  What it makes is deleted at the end; what an earlier run has left,
first.
"""

import json
import sys
import time
from dataclasses import dataclass

from oslo_utils import units

from tests.lab import image, layout, wait
from tests.lab.demo import (
    BIN,
    PREFIX,
    Failed,
    Person,
    Story,
    demo_person,
    free_name,
    told,
)
from tests.lab.lab import Lab
from tests.lab.nova import cloud

IMAGE = f'{PREFIX}nova-image'

GO_ON = """\
The lab stays up, with its Nova. To go on, in {checkout}:

    . .venv/bin/activate
    . .lab/openrc-demo
    openstack image create mine --disk-format raw --container-format bare \\
        --file .lab/bootable.raw
    openstack server create mine --image mine --flavor tiny --nic none \\
        --availability-zone site_b --wait
    openstack console log show mine
    rbd -c .lab/ceph-site_b.conf ls --long vms
    make lab-down
"""


@dataclass(frozen=True)
class Boot:
    """A server that the demo creates."""

    name: str
    site: str
    heading: str
    outcome: str


BOOTS = (
    Boot(
        f'{PREFIX}server-one',
        'site_a',
        'A server at site_a: the image is copied there first',
        'miss: copied, then cloned',
    ),
    Boot(
        f'{PREFIX}server-two',
        'site_a',
        'A second one: the image is there by now',
        'hit: cloned',
    ),
    Boot(
        f'{PREFIX}server-three',
        'site_b',
        'One at the other site',
        'miss: copied, then cloned',
    ),
)


@dataclass(frozen=True)
class Demo:
    """The steps, in order."""

    lab: Lab
    person: Person
    story: Story

    def run(self) -> None:
        self.story.heading('Away with what an earlier run has left')
        name = free_name(IMAGE, self._clean())
        self.story.heading(
            'An image for the central store, which no compute can clone from'
        )
        image_id = self._upload(name)
        for boot in BOOTS:
            self.story.heading(boot.heading)
            server_id = self._create(boot, name)
            self._read_console(boot)
            self._show_clones(boot, image_id, server_id)
        self.story.heading('Everything is deleted again')
        self._delete(name)
        self.story.heading('What happened')
        self.story.console.print(self.story.table())
        self.story.output(GO_ON.format(checkout=layout.CHECKOUT))

    def _clean(self) -> set[str]:
        """Remove what is ours; return the names of images that stay, as
        somebody has cloned them."""
        servers = {boot.name for boot in BOOTS} & self._names('server')
        if servers:
            self.person.openstack(
                'server', 'delete', '--wait', *sorted(servers)
            )
        images = {n for n in self._names('image') if n.startswith(IMAGE)}
        return {name for name in images if not self._remove_image(name)}

    def _names(self, kind: str) -> set[str]:
        listed = self.person.openstack(kind, 'list', '-f', 'json')
        return {found['Name'] for found in json.loads(listed)}

    def _remove_image(self, name: str) -> bool:
        try:
            self.person.openstack('image', 'delete', name)
        except Failed:
            self.story.output(f'{name} stays: it is in use')
            return False
        return True

    def _upload(self, name: str) -> str:
        path = self.lab.paths.image
        begun = time.monotonic()
        image_id = self.person.openstack(
            *('image', 'create', name),
            *('--disk-format', 'raw', '--container-format', 'bare'),
            *('--file', str(path.relative_to(layout.CHECKOUT))),
            *('-f', 'value', '-c', 'id'),
        ).strip()
        mib = path.stat().st_size // units.Mi
        self._row(
            'upload the image', f'{mib} MiB in the file store central', begun
        )
        return image_id

    def _create(self, boot: Boot, image_name: str) -> str:
        begun = time.monotonic()
        answer = self.person.openstack(
            *('server', 'create', boot.name, '--image', image_name),
            *('--flavor', cloud.TINY.name, '--nic', 'none'),
            *('--availability-zone', boot.site, '--wait', '-f', 'json'),
            *('-c', 'id', '-c', 'status', '-c', 'OS-EXT-AZ:availability_zone'),
        )
        self.story.output(answer)
        self._row(f'{boot.name} at {boot.site}', boot.outcome, begun)
        # Before it, the command may have told of the copy's progress.
        made = json.loads(answer[answer.index('{') :])
        server_id: str = made['id']
        return server_id

    def _read_console(self, boot: Boot) -> None:
        words = (str(BIN / 'openstack'), 'console', 'log', 'show', boot.name)
        self.story.command(words)
        said = wait.until(
            lambda: _if_booted(self.person.ask(*words)),
            f'line of the boot sector on the console of {boot.name}',
        )
        for line in said.split('\n'):
            self.story.console.print(f'[green]{line.strip()}[/green]')

    def _show_clones(self, boot: Boot, image_id: str, server_id: str) -> None:
        conf = self.lab.paths.ceph_conf(boot.site).relative_to(layout.CHECKOUT)
        clones = self.person.run(
            *('rbd', '-c', str(conf), 'children', f'images/{image_id}@snap')
        )
        self.story.output(clones)
        if f'vms/{server_id}_disk' not in clones.split():
            raise Failed(f'the disk of {boot.name} is no clone of the image')

    def _delete(self, image_name: str) -> None:
        begun = time.monotonic()
        servers = [boot.name for boot in BOOTS]
        self.person.openstack('server', 'delete', '--wait', *servers)
        self.person.openstack('image', 'delete', image_name)
        self._row('delete all of it', 'three servers and the image', begun)

    def _row(self, what: str, outcome: str, begun: float) -> None:
        self.story.row(what, outcome, time.monotonic() - begun)


def _if_booted(said: str) -> str:
    return said.strip() if image.WRITTEN in said else ''


def main() -> int:
    return told(
        lambda lab, story: Demo(lab, demo_person(lab, story), story).run()
    )


if __name__ == '__main__':
    sys.exit(main())
