# SPDX-License-Identifier: Apache-2.0
"""libvirt and Ceph: the pool, the key, and what the key may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from rbd_multistore.checks.parts import Parts
from rbd_multistore.checks.result import Check, Found, warning

_CAPS = (
    "Give it mon 'profile rbd' and osd 'profile rbd pool=DISKS, profile rbd "
    "pool=IMAGES' (ceph auth caps)."
)


class ClusterChecks:
    """The checks of one site's cluster."""

    def __init__(self, parts: Parts):
        """Check *parts*."""
        self._parts = parts

    def group(self) -> Iterator[Check]:
        """Return the checks, in order."""
        yield Check(
            'libvirt pool',
            'Define it (rbd-multistore pool define), and set libvirt_uri and '
            'libvirt_pool.',
            self._pool,
            is_gate=True,
        )
        yield Check(
            'secret',
            'Set the value of the secret that the pool, or nova.conf, names '
            '(rbd-multistore pool define does it for a pool).',
            self._secret,
            is_gate=True,
        )
        yield Check(
            'cluster',
            'See that the monitors of the pool can be reached from here, and '
            'that its key is the one of its user.',
            self._cluster,
            is_gate=True,
        )
        yield Check('read the pool', _CAPS, self._read)
        yield Check('write to the pool', _CAPS, self._write)
        yield Check('no more caps than needed', _CAPS, self._excess)
        yield Check('versions', '', self._versions)

    def _pool(self) -> Found:
        pool = self._parts.definition
        if pool is None:
            return Found(
                f'none; Ceph pool {self._parts.volumes.pool} from nova.conf'
            )
        return Found(
            f'{pool.name}: Ceph pool {pool.source}, user '
            f'{pool.user or "none"}, {len(pool.hosts)} monitors'
        )

    def _secret(self) -> Found:
        secret = self._parts.guests_secret
        if secret is None:
            return Found('none is needed to connect')
        self._parts.libvirt.key(secret)
        return Found(f'{secret.uuid or secret.usage} has a value')

    def _cluster(self) -> Found:
        return Found(self._parts.volumes.cluster.fsid())

    def _read(self) -> Found:
        volumes = self._parts.volumes
        return Found(f'{len(volumes.names())} volumes in {volumes.pool}')

    def _write(self) -> Found:
        volumes = self._parts.volumes
        name = throw_away_name()
        volumes.create(name, 1 << 20)
        volumes.remove(name)
        return Found(f'made and removed {name}')

    def _excess(self) -> Found:
        if self._parts.volumes.cluster.is_administrator():
            return warning(
                'the cephx user may administer the cluster',
                'Use a user of its own for compute nodes. ' + _CAPS,
            )
        return Found('the cephx user is no administrator')

    def _versions(self) -> Found:
        seen = (
            *self._parts.volumes.cluster.versions(),
            *self._parts.libvirt.versions(),
        )
        return Found(', '.join(f'{name} {number}' for name, number in seen))


def throw_away_name() -> str:
    """Return a name that no volume has, and that says what it is for."""
    return f'rbd-multistore-check-{uuid.uuid4()}'
