# SPDX-License-Identifier: Apache-2.0
"""Boot to ACTIVE in a whole Nova, ours and Nova's own side by side:
``python -m benchmarks.boot [--json FILE]``, on ``make lab-nova``.

Two computes of one site boot from one image in turns, one with the plug-in,
one as Nova is. What each compute logs tells how much of it was work on the
disk's image; the rest is Nova's other parts, which no image backend can go
below.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import figures, miss, stage
from benchmarks.measure import Samples, Say
from tests.lab import ini, keystone, layout, wait
from tests.lab.lab import Lab
from tests.lab.nova import cloud, servers
from tests.lab.nova.compute import Compute
from tests.lab.nova.lab import NovaLab

OURS = 'ours'
NOVA = 'nova'

#: Both at the same site, equal in all but what serves them.
HOSTS = {OURS: 'compute-a1', NOVA: 'compute-a2'}

#: Seconds between two looks at a server.
PAUSE_S = 0.1

#: What Nova logs of an instance, in this order, ours and its own alike.
STAMP = r'^(\S+ \S+) .*instance: {server}\] {words}'
IMAGE = ('Creating image\\(s\\)', 'Created local disks')
XML = ('Start _get_guest_xml', 'End _get_guest_xml')

#: Nova's, in place of what the lab has for its small copies; seconds.
DEFAULTS: ini.Sections = {
    'libvirt': {'images_rbd_glance_copy_poll_interval': '15'}
}

CONDITIONS = """\
Nova's own needs show_multiple_locations, which OSSN-0065 warns of: it had a
Glance of its own with that. It also needs a copy policy that lets the user
copy: these boots are the administrator's; a member's would need that policy
opened. Its miss polls at Nova's default, each 15 s. Ours had neither."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: boots of each, hit and miss."""

    size_mib: int = 256
    hits: int = 7
    misses: int = 3


@dataclass(frozen=True)
class Boot:
    """One boot, in seconds.

    :ivar total_s: from the request to ACTIVE, as the API shows it
    :ivar image_s: of that, making the disk
    :ivar xml_s: of that, writing the guest's XML
    :ivar copy_s: of ``image_s``, Glance's own work on the copy; 0 on a hit
    """

    name: str
    total_s: float
    image_s: float
    xml_s: float
    copy_s: float = 0.0

    @property
    def others_s(self) -> float:
        """What Nova's other parts took."""
        return self.total_s - self.image_s - self.xml_s


@dataclass(frozen=True)
class Result:
    """What the boots came to."""

    plan: Plan
    hits: tuple[Boot, ...]
    misses: tuple[Boot, ...]


@dataclass(frozen=True)
class Contest:
    """Two computes, and one image that both boot from."""

    computes: dict[str, Compute]
    servers: servers.Servers
    image: miss.Elsewhere

    def miss(self, name: str) -> Boot:
        """Put the image back, then boot it."""
        self.image.settle()
        self.image.put_back()
        boot = self.boot(name)
        self.image.settle()
        return dataclasses.replace(boot, copy_s=self.image.copy_s())

    def boot(self, name: str) -> Boot:
        """Boot a server on the compute of that name, then delete it."""
        compute = self.computes[name]
        mark = compute.mark_log()
        begun = time.perf_counter()
        server = self.servers.begin(
            self.image.document['id'],
            f'{stage.IMAGE_NAME}-{name}',
            zone=f'{stage.SITE}:{compute.name}',
        )
        wait.until(
            lambda: self._active(server),
            f'ACTIVE of {server.id}',
            timeout_s=600,
            pause_s=PAUSE_S,
        )
        total_s = time.perf_counter() - begun
        log = mark.text()
        self.servers.delete(server)
        return Boot(
            name,
            total_s,
            _between(log, server.id, IMAGE),
            _between(log, server.id, XML),
        )

    def _active(self, server: Any) -> bool:
        now = self.servers.show(server)
        if now.status == 'ERROR':
            raise servers.Refused(f'{now.name}: {now.fault}')
        return bool(now.status == 'ACTIVE')


def run(nova: NovaLab, plan: Plan, say: Say) -> Result:
    """Boot in turns, hits and misses."""
    with contest(nova, plan, say) as both:
        say('one boot of each that does not count, the first a miss')
        for name in HOSTS:
            both.boot(name)
        hits: list[Boot] = []
        for number in range(plan.hits):
            say(f'hit {number + 1} of {plan.hits}')
            hits += [both.boot(name) for name in _turn(number)]
        misses: list[Boot] = []
        for number in range(plan.misses):
            say(f'miss {number + 1} of {plan.misses}')
            misses += [both.miss(name) for name in _turn(number)]
    return Result(plan, tuple(hits), tuple(misses))


@contextlib.contextmanager
def contest(nova: NovaLab, plan: Plan, say: Say) -> Iterator[Contest]:
    """Set both up, and put everything back at the end."""
    with contextlib.ExitStack() as stack:
        say('a Glance that shows locations, and one compute as Nova is')
        computes = {
            OURS: nova.computes[HOSTS[OURS]],
            NOVA: stack.enter_context(_stock(nova, HOSTS[NOVA])),
        }
        admin = stack.enter_context(nova.connection(keystone.ADMIN))
        cloud.Cloud(admin).wait_for_services()
        image = stack.enter_context(miss.elsewhere(nova.lab, plan.size_mib))
        made = stack.enter_context(servers.cleaned(nova, admin, admin))
        yield Contest(computes, made, image)


@contextlib.contextmanager
def _stock(nova: NovaLab, name: str) -> Iterator[Compute]:
    """Have Nova's own program serve a compute, at its default settings."""
    with contextlib.ExitStack() as stack:
        nova.open_glance.start()
        stack.callback(nova.open_glance.stop)
        stack.callback(nova.computes[name].start)
        stock = nova.stock(name).with_conf(DEFAULTS)
        stock.start()
        yield stock


def text(result: Result) -> str:
    """Return what there is to say, for people."""
    return '\n'.join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    yield (
        f'Boot to ACTIVE, an image of {result.plan.size_mib} MiB; seconds, '
        'medians'
    )
    heads = ('total', 'disk', 'copy', 'XML', 'rest')
    yield f'  {"":<12}{"boots":>6}' + ''.join(f'{one:>8}' for one in heads)
    for word, boots in (('hit', result.hits), ('miss', result.misses)):
        for name in HOSTS:
            yield _row(f'{name}, {word}', _of(boots, name))
    yield ''
    yield 'copy: Glance itself, within disk. rest: Nova without its image'
    yield 'backend; the smaller one is the floor.'
    for word, boots in (('hit', result.hits), ('miss', result.misses)):
        yield f'Share of a {word} that is ours: {_share(_of(boots, OURS)):.0%}'
    yield ''
    yield 'Ratios (in brackets: 95 % of what this run could have given)'
    for word, boots in (('hit', result.hits), ('miss', result.misses)):
        ratio = figures.ratio(_samples(boots), OURS, NOVA)
        yield (
            f'  {ratio.name}, {word:<4}  {ratio.value:.2f}  '
            f'({ratio.low:.2f} to {ratio.high:.2f})'
        )
    yield ''
    yield CONDITIONS


def _row(label: str, boots: Sequence[Boot]) -> str:
    columns = [
        [boot.total_s for boot in boots],
        [boot.image_s for boot in boots],
        [boot.copy_s for boot in boots],
        [boot.xml_s for boot in boots],
        [boot.others_s for boot in boots],
    ]
    cells = ''.join(f'{statistics.median(one):>8.2f}' for one in columns)
    return f'  {label:<12}{len(boots):>6}{cells}'


def _share(boots: Sequence[Boot]) -> float:
    """Return the part of a boot that is the image backend's and not Glance's
    own, 0 to 1."""
    return statistics.median(
        (boot.image_s + boot.xml_s - boot.copy_s) / boot.total_s
        for boot in boots
    )


def _of(boots: Sequence[Boot], name: str) -> list[Boot]:
    return [boot for boot in boots if boot.name == name]


def _samples(boots: Sequence[Boot]) -> Samples:
    return {name: [b.total_s for b in _of(boots, name)] for name in HOSTS}


def _turn(number: int) -> list[str]:
    """Return who boots first, and who second."""
    names = list(HOSTS)
    return names if number % 2 == 0 else names[::-1]


def _between(log: str, server_id: str, words: tuple[str, str]) -> float:
    """Return the seconds between two lines about a server."""
    begun, ended = (_moment(log, server_id, one) for one in words)
    return (ended - begun).total_seconds()


def _moment(log: str, server_id: str, words: str) -> datetime.datetime:
    pattern = STAMP.format(server=server_id, words=words)
    match = re.search(pattern, log, re.M)
    assert match, f'the log has no {words!r} of {server_id}'
    return datetime.datetime.fromisoformat(match[1])


def main(arguments: list[str] | None = None) -> int:
    """Run it; 2: there is no lab with a Nova."""
    parser = argparse.ArgumentParser(prog='boot', description=__doc__)
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the figures there'
    )
    options = parser.parse_args(arguments)
    nova = NovaLab.of(Lab.of(layout.Layout.of_checkout()))
    if not nova.running():
        print('error: start the lab with Nova: make lab-nova', file=sys.stderr)
        return 2
    begun = time.monotonic()

    def say(step: str) -> None:
        elapsed_s = time.monotonic() - begun
        print(f'{elapsed_s:5.0f} s  {step}', file=sys.stderr, flush=True)

    result = run(nova, Plan(), say)
    print(text(result))
    if options.json:
        document = json.dumps(dataclasses.asdict(result), indent=1)
        options.json.write_text(document + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
