# SPDX-License-Identifier: Apache-2.0
"""What lies in a cluster's pools, so that a test can say that it left
nothing behind."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import rbd

from tests.lab import ceph


class LeftBehind(AssertionError):
    """Something is there that was not there before."""


def take(
    cluster: ceph.Cluster, pools: Sequence[str] = ceph.POOLS
) -> frozenset[str]:
    """Name every image, snapshot and lock, and whatever is in the trash:
    ``pool/image``, ``pool/image@snapshot``, ``pool/image locked by client``,
    ``pool trash: image``."""
    with cluster.connect() as connection:
        found: set[str] = set()
        for pool in pools:
            with contextlib.closing(connection.open_ioctx(pool)) as ioctx:
                found.update(_of_pool(pool, ioctx))
        return frozenset(found)


@contextlib.contextmanager
def nothing_left(
    cluster: ceph.Cluster, pools: Sequence[str] = ceph.POOLS
) -> Iterator[None]:
    """Raise :class:`LeftBehind` if the block leaves something new in the
    pools.  Not judged when the block itself raises."""
    before = take(cluster, pools)
    yield
    new = take(cluster, pools) - before
    if new:
        raise LeftBehind(f'left at {cluster.name}: {", ".join(sorted(new))}')


def _of_pool(pool: str, ioctx: Any) -> Iterator[str]:
    api: Any = rbd.RBD()
    for name in api.list(ioctx):
        yield f'{pool}/{name}'
        # It may be removed by somebody else meanwhile.
        with contextlib.suppress(rbd.ImageNotFound):
            yield from _of_image(pool, ioctx, name)
    for item in api.trash_list(ioctx):
        yield f'{pool} trash: {item["name"]}'


def _of_image(pool: str, ioctx: Any, name: str) -> Iterator[str]:
    image: Any
    with rbd.Image(ioctx, name, read_only=True) as image:
        for snapshot in image.list_snaps():
            yield f'{pool}/{name}@{snapshot["name"]}'
        lockers = image.list_lockers() or {}
        for client, _cookie, _address in lockers.get('lockers', ()):
            yield f'{pool}/{name} locked by {client}'
