# SPDX-License-Identifier: Apache-2.0
"""A cluster that is away, a client that was cut off, many at once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.backend import Created
from rbd_multistore.site import Site
from tests.functional.main_job.disks import POOL, Disks
from tests.functional.main_job.library import site_from
from tests.functional.main_job.program import Program
from tests.functional.main_job.uploads import SIZE_BYTES, Uploaded, Uploads
from tests.lab import ceph, wait
from tests.lab.lab import Lab

CEPH_TIMEOUT_S = 3

# A call asks the cluster a few times, and this machine may be busy.
PATIENCE_S = 45

NothingLeft = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def impatient(conf_with: Callable[..., Path]) -> Path:
    """The config file of site_b, with a short ``ceph_timeout``."""
    return conf_with('site_b', ceph_timeout=CEPH_TIMEOUT_S)


@contextlib.contextmanager
def frozen(cluster: ceph.Cluster) -> Iterator[None]:
    """The cluster takes connections and answers nothing."""
    cluster.stop()
    try:
        yield
    finally:
        cluster.start()


@pytest.fixture
def at_b(lasting: Uploads) -> Uploaded:
    """An image that is at site_b."""
    return lasting('site_b')


def test_stopped_cluster(
    lab: Lab,
    demo: Program,
    impatient: Path,
    at_b: Uploaded,
    name: str,
    nothing_left: NothingLeft,
) -> None:
    """An error in time, for whatever is tried."""
    with nothing_left(), frozen(lab.clusters['site_b']):
        began_s = time.monotonic()
        outcomes = demo.with_conf(impatient).run_all(
            [
                ['volume', 'list'],
                ['volume', 'create', name, '--image', at_b.id],
                ['volume', 'create', name, '--size', '1'],
            ]
        )
        assert time.monotonic() - began_s < PATIENCE_S
    for outcome in outcomes:
        assert 'did not answer in time' in outcome.error
        assert 'ceph_timeout' in outcome.error


def test_cluster_that_stops_meanwhile(
    impatient: Path,
    demo_environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    at_b: Uploaded,
    new_name: Callable[[], str],
    lab: Lab,
    disks: dict[str, Disks],
) -> None:
    """On a kept connection too: an error in time, nothing left, and the
    same process goes on once the cluster is back."""
    for variable, value in demo_environ.items():
        monkeypatch.setenv(variable, value)
    before, during, after = new_name(), new_name(), new_name()
    with (
        site_from(impatient, demo_environ) as site,
        futures.ThreadPoolExecutor() as threads,
    ):
        backend = site.backend
        backend.create_from_image(before, at_b.id)
        with frozen(lab.clusters['site_b']):
            for make in (
                lambda: backend.create_from_image(during, at_b.id),
                lambda: backend.create_blank(during, SIZE_BYTES),
                lambda: site.volumes.show(before),
            ):
                # In another thread, so that a call that hangs is seen to.
                with pytest.raises(exceptions.ClusterUnavailable):
                    threads.submit(make).result(PATIENCE_S)
        assert during not in disks['site_b'].names()
        # The same connection serves again, once it has found the monitor.
        wait.until(
            lambda: site.volumes.show(before),
            'answer on the kept connection',
            ignore=(exceptions.ClusterUnavailable,),
        )
        backend.create_from_image(after, at_b.id)
    assert disks['site_b'].read(after) == at_b.data


def test_blocklisted_client(
    lab: Lab, library: Site, cached: Uploaded, new_name: Callable[[], str]
) -> None:
    """Its kept connection is of no use any more, and is made anew."""
    first, second = new_name(), new_name()
    library.backend.create_from_image(first, cached.id)
    with blocklisted(lab.clusters['site_a'], addresses(library, first)):
        # The OSD learns of it a moment after the monitor.
        wait.until(lambda: is_cut_off(library, first), 'end of the client')
        library.backend.create_from_image(second, cached.id)
        assert library.volumes.show(second).parent is not None


def is_cut_off(library: Site, volume: str) -> bool:
    try:
        library.volumes.show(volume)
    except exceptions.ClusterUnavailable:
        return True
    return False


@contextlib.contextmanager
def blocklisted(
    cluster: ceph.Cluster, clients: Sequence[str]
) -> Iterator[None]:
    """The cluster serves those clients no more."""
    assert clients

    def tell(admin: rados.Rados, what: str) -> None:
        for client in clients:
            ceph.command(admin, 'osd blocklist', blocklistop=what, addr=client)

    with cluster.connect() as admin:
        tell(admin, 'add')
        try:
            yield
        finally:
            tell(admin, 'rm')


def addresses(library: Site, volume: str) -> list[str]:
    """Return where the library's connection comes from, as the cluster sees
    it while the volume is open."""
    cluster = library.volumes.cluster
    with (
        cluster.pool(POOL, 'look') as ioctx,
        rbd.Image(ioctx, volume) as image,
    ):
        return [watcher['addr'] for watcher in image.watchers_list()]


def test_many_threads(
    library: Site,
    cached: Uploaded,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    names = [new_name() for _ in range(10)]
    start = threading.Barrier(len(names))

    def make(name: str) -> Created:
        start.wait()
        return library.backend.create_from_image(name, cached.id)

    with futures.ThreadPoolExecutor(len(names)) as threads:
        made = list(threads.map(make, names))
    assert [one.volume.name for one in made] == names
    assert {str(one.volume.parent) for one in made} == {cached.parent}
    assert not any(one.copied for one in made)
    for name in names:
        assert disks_a.read(name) == cached.data


def test_many_threads_want_one_name(
    library: Site, cached: Uploaded, disks_a: Disks, name: str
) -> None:
    """One of them gets it, and no other takes it away again."""
    start = threading.Barrier(8)

    def make(_: int) -> bool:
        start.wait()
        try:
            library.backend.create_from_image(name, cached.id, 2 * SIZE_BYTES)
        except exceptions.VolumeExists:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1
    assert disks_a.seen(name) == (2 * SIZE_BYTES, frozenset())
    assert disks_a.read(name)[:SIZE_BYTES] == cached.data


def test_many_processes(
    demo: Program,
    cached: Uploaded,
    disks_a: Disks,
    new_name: Callable[[], str],
) -> None:
    names = [new_name() for _ in range(4)]
    for outcome in demo.run_all(
        ['volume', 'create', name, '--image', cached.id, '-f', 'json']
        for name in names
    ):
        assert (outcome.status, outcome.stderr) == (0, '')
        assert outcome.json['copied'] is False
    for name in names:
        assert disks_a.read(name) == cached.data
