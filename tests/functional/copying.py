# SPDX-License-Identifier: Apache-2.0
"""What the tests of copies have in common: the lab's Glance and its pools as
an administrator has them, sites of the library, and the command."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import rados
import rbd
from keystoneauth1 import exceptions as ksa_exc
from keystoneauth1 import session as ks_session
from oslo_config import cfg

from rbd_multistore import opts
from rbd_multistore.backend import Created
from rbd_multistore.copying.progress import Phase, Progress
from rbd_multistore.site import Site
from tests.lab import ceph, glance, image, layout, service, wait
from tests.lab.lab import Lab

MIB = 1024**2

HERE, THERE = layout.SITES

#: The requests of a copy, as the proxy sees them.
SHOW = '/v2/images/[-0-9a-f]{36}$'
IMPORT = '/import$'

#: Seconds in which anything on this lab is done, however busy it is.
LONG_S = 120.0


class Cloud:
    """The lab's Glance, as its administrator sees it without the library."""

    def __init__(
        self, lab: Lab, session: ks_session.Session, scratch: Path
    ) -> None:
        self.lab = lab
        self.pools = {
            site: Pool(cluster) for site, cluster in lab.clusters.items()
        }
        self._scratch = scratch
        self._made: list[str] = []
        self._killed = False
        self._session = session

    @property
    def staging(self) -> Path:
        return self.lab.glance.home / 'staging'

    def make(self, size_mib: int, store: str = glance.CENTRAL) -> str:
        """Make a public raw image in one store; return its id."""
        source = self._scratch / f'{size_mib}.raw'
        image.make(source, size_mib * MIB)
        made = self._call(
            'POST',
            '/images',
            json={
                'name': f'copy-{uuid.uuid4()}',
                'disk_format': 'raw',
                'container_format': 'bare',
                'visibility': 'public',
            },
        )
        image_id = str(made['id'])
        self._made.append(image_id)
        with source.open('rb') as stream:
            self._call(
                'PUT',
                f'/images/{image_id}/file',
                data=stream,
                headers={
                    'Content-Type': 'application/octet-stream',
                    'x-image-meta-store': store,
                },
            )
        return image_id

    def show(self, image_id: str) -> dict[str, Any]:
        return self._call('GET', f'/images/{image_id}')

    def tasks(self, image_id: str) -> list[dict[str, Any]]:
        """The copies of an image that Glance has accepted."""
        found: list[dict[str, Any]] = self._call(
            'GET', f'/images/{image_id}/tasks'
        )['tasks']
        return sorted(found, key=lambda task: task['created_at'])

    def outcomes(self, image_id: str) -> list[str]:
        """What became of each accepted copy, once none runs."""
        self.wait_until_unlocked(image_id)
        return [task['status'] for task in self.tasks(image_id)]

    def copy(self, image_id: str, *stores: str) -> None:
        """Have it copied, whoever else wants that."""
        body = {
            'method': {'name': 'copy-image'},
            'stores': list(stores),
            'all_stores_must_succeed': True,
        }
        self._call('POST', f'/images/{image_id}/import', json=body)

    def stores(self, image_id: str) -> frozenset[str]:
        """The stores that have all of it."""
        shown = self.show(image_id)
        return names(shown, 'stores') - names(
            shown, 'os_glance_importing_to_stores'
        )

    def wait_until_in(self, image_id: str, *stores: str) -> None:
        wait.until(
            lambda: self.stores(image_id).issuperset(stores),
            f'image {image_id} in {stores}',
        )

    def wait_until_unlocked(
        self, image_id: str, timeout_s: float = LONG_S
    ) -> None:
        wait.until(
            lambda: not self.show(image_id).get('os_glance_import_task'),
            f'end of the work on image {image_id}',
            timeout_s=timeout_s,
        )

    def source(self, image_id: str) -> Path:
        """The file of an image in the central store."""
        return self.lab.glance.home / glance.CENTRAL / image_id

    def expire_lock(self, image_id: str) -> None:
        """Make its task look as if it had been silent for two hours."""
        task = self.show(image_id)['os_glance_import_task']
        database = sqlite3.connect(
            self.lab.glance.service.database, timeout=60
        )
        with contextlib.closing(database), database:
            ((updated,),) = database.execute(
                'SELECT updated_at FROM tasks WHERE id = ?', (task,)
            )
            earlier = datetime.fromisoformat(updated) - timedelta(hours=2)
            database.execute(
                'UPDATE tasks SET updated_at = ? WHERE id = ?',
                (earlier.isoformat(' '), task),
            )

    def kill(self) -> None:
        """As if Glance's machine had lost power."""
        self._killed = True
        self.lab.glance.kill()

    def start(self) -> None:
        """As if the power had come back."""
        self.lab.glance.start()

    def clean_up(self) -> None:
        """Remove what was made of the images, and the images."""
        self.start()
        for image_id in self._made:
            with contextlib.suppress(ksa_exc.NotFound):
                self._end_work(image_id)
            for pool in self.pools.values():
                pool.remove_clones(image_id)
            self.delete(image_id)
            for pool in self.pools.values():
                pool.remove(image_id)

    def _end_work(self, image_id: str) -> None:
        """Wait for a copy that runs; one that died is not waited for."""
        try:
            self.wait_until_unlocked(
                image_id, timeout_s=1 if self._killed else LONG_S
            )
        except wait.TimedOut:
            self.kill()
            self.start()
            for pool in self.pools.values():
                pool.evict(image_id)

    def deactivate(self, image_id: str) -> None:
        self._call('POST', f'/images/{image_id}/actions/deactivate')

    def revoke(self, token: str) -> None:
        """Make a token worth nothing, as its expiry does."""
        with contextlib.suppress(ksa_exc.NotFound):
            self._session.delete(
                f'{self.lab.keystone.auth_url}/auth/tokens',
                headers={'X-Subject-Token': token},
            )

    def delete(self, image_id: str) -> None:
        with contextlib.suppress(ksa_exc.NotFound):
            self._call('DELETE', f'/images/{image_id}')

    def log_of(self, image_id: str, words: str) -> list[str]:
        """The lines of Glance's log that say ``words`` and name the image
        or a copy of it."""
        ids = [image_id, *(task['id'] for task in self.tasks(image_id))]
        with self.lab.glance.service.log.open(errors='replace') as lines:
            return [
                line
                for line in lines
                if words in line and any(one in line for one in ids)
            ]

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = self._session.request(
            f'{self.lab.glance.url}/v2{path}', method, **kwargs
        )
        return answer.json() if answer.content else {}


def names(shown: Mapping[str, Any], key: str) -> frozenset[str]:
    """The names in one of an image's lists."""
    return frozenset(filter(None, shown.get(key, '').split(',')))


@dataclass(frozen=True)
class Pool:
    """The pool of a site's Glance store, with every right."""

    cluster: ceph.Cluster
    name: str = 'images'

    @contextlib.contextmanager
    def opened(self, name: str = '') -> Iterator[rados.Ioctx]:
        """It, or another pool of the cluster."""
        with (
            self.cluster.connect() as connection,
            connection.open_ioctx(name or self.name) as ioctx,
        ):
            yield ioctx

    @contextlib.contextmanager
    def throttled(self, kind: str, mib_s: int) -> Iterator[None]:
        """Let the images that are opened in the block be read or written
        (``kind``) at so many MiB a second."""
        option = f'conf_rbd_qos_{kind}_bps_limit'
        with self.opened() as ioctx:
            rbd.RBD().pool_metadata_set(ioctx, option, str(mib_s * MIB))
        try:
            yield
        finally:
            with self.opened() as ioctx:
                rbd.RBD().pool_metadata_remove(ioctx, option)

    @contextlib.contextmanager
    def with_quota(self, max_bytes: int) -> Iterator[None]:
        """Limit what the pool may hold.  A pool that is full by that refuses
        each write, those of a clean-up in the block too."""
        self._set_quota(max_bytes)
        try:
            yield
        finally:
            self._set_quota(0)
            wait.until(lambda: not self.is_full(), 'room in the pool')

    def _set_quota(self, max_bytes: int) -> None:
        with self.cluster.connect() as connection:
            ceph.command(
                connection,
                'osd pool set-quota',
                pool=self.name,
                field='max_bytes',
                val=str(max_bytes),
            )

    def is_full(self) -> bool:
        """Whether the cluster has noticed that the quota is used up."""
        with self.cluster.connect() as connection:
            answer = ceph.command(connection, 'osd dump', format='json')
        return any(
            pool['pool_name'] == self.name and 'full' in pool['flags_names']
            for pool in json.loads(answer)['pools']
        )

    def names(self) -> list[str]:
        with self.opened() as ioctx:
            return list(rbd.RBD().list(ioctx))

    def orphan(self, image_id: str, size_mib: int) -> None:
        """Leave there what a Glance leaves that dies while it writes."""
        with self.opened() as ioctx:
            rbd.RBD().create(ioctx, image_id, size_mib * MIB, order=23)
            with rbd.Image(ioctx, image_id) as opened:
                opened.write(b'half' * MIB, 0)

    @contextlib.contextmanager
    def image(self, name: str) -> Iterator[rbd.Image]:
        """Open one of its images for writing."""
        with self.opened() as ioctx, rbd.Image(ioctx, name) as opened:
            yield opened

    def watchers(self, name: str) -> list[str]:
        """The addresses of the clients that have it open for writing."""
        with self.opened() as ioctx:
            try:
                with rbd.Image(ioctx, name, read_only=True) as opened:
                    return [found['addr'] for found in opened.watchers_list()]
            except rbd.ImageNotFound:
                return []

    def evict(self, name: str) -> None:
        """Have the cluster forget the clients of an image at once, and not
        half a minute after they died."""
        with self.cluster.connect() as connection:
            for address in self.watchers(name):
                ceph.command(
                    connection,
                    'osd blocklist',
                    blocklistop='add',
                    addr=address,
                )
        wait.until(
            lambda: not self.watchers(name), f'end of the clients of {name}'
        )

    def clones(self, image_id: str) -> list[str]:
        """The site's volumes whose parent is the image in this pool."""
        with (
            self.opened() as ioctx,
            rbd.Image(ioctx, image_id, read_only=True) as opened,
        ):
            opened.set_snap('snap')
            return [child for _, child in opened.list_children()]

    def remove_clones(self, image_id: str) -> None:
        """Remove the volumes whose name begins with an image's id."""
        with self.opened('vms') as ioctx:
            for name in rbd.RBD().list(ioctx):
                if name.startswith(image_id):
                    rbd.RBD().remove(ioctx, name)

    def remove(self, name: str) -> None:
        """Remove an image with its snapshots, once nobody writes it."""
        wait.until(
            lambda: self._removed(name),
            f'removal of {name}',
            ignore=(rbd.ImageBusy, rbd.ImageHasSnapshots),
        )

    def _removed(self, name: str) -> bool:
        with self.opened() as ioctx:
            try:
                with rbd.Image(ioctx, name) as opened:
                    for snapshot in list(opened.list_snaps()):
                        if opened.is_protected_snap(snapshot['name']):
                            opened.unprotect_snap(snapshot['name'])
                        opened.remove_snap(snapshot['name'])
                rbd.RBD().remove(ioctx, name)
            except rbd.ImageNotFound:
                pass
        return True


@dataclass
class Sites:
    """Sites of the library, made from the lab's config files."""

    lab: Lab
    scratch: Path
    opened: list[Site] = field(default_factory=list)

    def conf(self, site: str = HERE, **options: object) -> Path:
        """A config file like the lab's own, with ``options`` besides."""
        text = self.lab.paths.site_conf(site).read_text()
        for name, value in options.items():
            text = re.sub(rf'(?m)^{name} = .*\n', '', text)
            if value is not None:
                text += f'{name} = {value}\n'
        path = self.scratch / f'{uuid.uuid4()}.conf'
        layout.write(path, text)
        return path

    def open(self, site: str = HERE, **options: object) -> Site:
        """Put one together, with the caller of ``OS_*`` if there is one."""
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        conf(['--config-file', str(self.conf(site, **options))])
        made = Site(conf, os.environ)
        self.opened.append(made)
        return made

    def close(self) -> None:
        for site in self.opened:
            site.volumes.cluster.close()


@dataclass(frozen=True)
class Outcome:
    """What the command ended with."""

    status: int
    out: str
    err: str

    @property
    def copies(self) -> list[dict[str, str]]:
        """What ``-v`` tells of the copies that were followed."""
        return copies(self.err.splitlines())

    @property
    def shown(self) -> Any:
        """What ``-f json`` printed."""
        return json.loads(self.out)


@dataclass
class Command:
    """``rbd-multistore`` as a process of its own."""

    arguments: list[str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        # A shell's job in the background ignores SIGINT, and so would its
        # children.
        self.process = subprocess.Popen(
            ['env', '--default-signal=INT']
            + [str(service.BIN / 'rbd-multistore'), *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        """End it, if it has not ended by itself."""
        with self.process:
            if self.process.poll() is None:
                self.process.kill()

    def outcome(self, timeout_s: float = LONG_S) -> Outcome:
        out, err = self.process.communicate(timeout=timeout_s)
        return Outcome(self.process.returncode, out, err)


def copies(lines: Iterable[str]) -> list[dict[str, str]]:
    """The structured lines among ``lines``, each as a mapping."""
    found = (line.partition('copy image=') for line in lines)
    return [
        dict(pair.split('=') for pair in f'image={words}'.split())
        for _, begin, words in found
        if begin
    ]


class Watching(futures.ThreadPoolExecutor):
    """Creates volumes in other threads, and keeps what they are told."""

    def __init__(self) -> None:
        super().__init__(32)
        self.seen: list[Progress] = []

    def create(
        self, site: Site, image_id: str, number: int = 0
    ) -> futures.Future[Created]:
        return self.submit(
            site.backend.create_from_image,
            volume_name(image_id, number),
            image_id,
            watch=self.seen.append,
        )

    def wait_until(self, phase: Phase, at_least_bytes: int = 0) -> Progress:
        """Wait until a copy is seen in ``phase``, so far or farther."""

        def reached() -> Progress | None:
            return next(
                (
                    seen
                    for seen in self.seen
                    if seen.phase is phase
                    and (seen.written_bytes or 0) >= at_least_bytes
                ),
                None,
            )

        return wait.until(reached, f'copy that is {phase.value}')


def volume_name(image_id: str, number: int = 0) -> str:
    """A volume's name that the clean-up after a test finds."""
    return f'{image_id}-{number}'
