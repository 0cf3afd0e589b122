# SPDX-License-Identifier: Apache-2.0
"""Keystone and Glance: who we are there, and what we may do."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator

from rbd_multistore import exceptions
from rbd_multistore.checks.parts import Parts
from rbd_multistore.checks.result import Check, Found, failure, warning
from rbd_multistore.glance.client import Identity, StoreDetail
from rbd_multistore.glance.image import Image

# Seconds; Ceph and Fernet tokens both begin to fail at some minutes.
_MOST_SKEW_S = 30.0
_RIGHTS = 'See "Who needs which right" in the README.'


class CloudChecks:
    """The checks of one site's view of the cloud."""

    def __init__(self, parts: Parts):
        """Check *parts*."""
        self._parts = parts

    def group(self) -> Iterator[Check]:
        """Return the checks, in order."""
        yield Check(
            'credentials',
            'Correct auth_url, username, password and project in the config '
            'file, or OS_* in the environment.',
            self._credentials,
            is_gate=True,
        )
        yield Check('clock', 'Run a time service on this host.', self._clock)
        yield Check(
            'glance',
            'See that glance-api runs, and that the catalogue has it for '
            'region_name and valid_interfaces, or at endpoint_override.',
            self._glance,
            is_gate=True,
        )
        yield Check(
            'store',
            f'Give the service user the role service. {_RIGHTS}',
            self._store_is_ours,
        )
        yield Check(
            'locations',
            'Give the service user the role service, and admin or a policy '
            f'in its place. {_RIGHTS}',
            self._locations,
        )
        yield Check(
            'copy policy',
            f'Allow copy_image to the service user. {_RIGHTS}',
            self._copy_policy,
        )

    def _credentials(self) -> Found:
        who = [
            _words(identity) for identity in self._parts.images.identities()
        ]
        return Found('; '.join(who))

    def _clock(self) -> Found:
        identity, *_ = self._parts.images.identities()
        if identity.issued_at is None:
            return Found('Keystone does not tell its time')
        now = datetime.datetime.now(datetime.UTC)
        skew_s = abs((now - identity.issued_at).total_seconds())
        words = f"{skew_s:.0f} s from Keystone's"
        if skew_s > _MOST_SKEW_S:
            return warning(words, 'Run a time service on this host.')
        return Found(words)

    def _glance(self) -> Found:
        known = sorted(store.id for store in self._parts.images.stores())
        words = f'stores {", ".join(known)}'
        if self._parts.store is None:
            return warning(
                words, 'Set glance_store_name, or nothing is ever copied.'
            )
        if self._parts.store not in known:
            return failure(
                f'no store {self._parts.store}; {words}',
                'Set glance_store_name to one of them.',
            )
        return Found(words)

    def _store_is_ours(self) -> Found:
        if self._parts.store is None:
            return Found('none configured')
        detail = self._parts.images.store_detail(self._parts.store)
        if detail is None:
            return warning(
                f'Glance does not tell what {self._parts.store} is',
                'Give the service user the role service, or set '
                'glance_store_pool for progress to be seen.',
            )
        return self._judge(detail)

    def _judge(self, detail: StoreDetail) -> Found:
        if detail.type != 'rbd':
            return failure(
                f'{detail.id} is of type {detail.type}, not rbd',
                'Set glance_store_name to an RBD store of this site.',
            )
        try:
            fsid = self._parts.volumes.cluster.fsid()
        except exceptions.RBDMultistoreError:
            return warning(
                f'{detail.id}: rbd, pool {detail.pool}; not compared with '
                'our cluster, which is not to be seen',
                'Mend what is above first.',
            )
        if detail.fsid and detail.fsid != fsid:
            return failure(
                f'{detail.id} is in cluster {detail.fsid}, and our pool in '
                f'{fsid}',
                'Set glance_store_name and libvirt_pool to the same site.',
            )
        return Found(f'{detail.id}: rbd, pool {detail.pool}')

    def _locations(self) -> Found:
        image = self._an_image()
        if image is None:
            return _no_image()
        if image.locations is not None:
            return warning(
                'images show their locations to users '
                '(show_multiple_locations)',
                'Turn show_multiple_locations off in Glance (OSSN-0065); it '
                'is not needed.',
            )
        found = self._parts.images.locations(image)
        return Found(f'the Locations API shows {len(found)} of {image.id}')

    def _copy_policy(self) -> Found:
        image = self._an_image()
        if image is None:
            return _no_image()
        # Glance looks at the policy before it looks at the store, and does
        # nothing about a store that it does not have.
        nowhere = f'rbd-multistore-check-{uuid.uuid4()}'
        try:
            self._parts.images.copy_image(image, {nowhere})
        except exceptions.GlanceConflict:
            return Found('copies are allowed')
        return failure(
            f'Glance accepted a copy to {nowhere}',
            'Report this: no Glance was ever seen to do so.',
        )

    def _an_image(self) -> Image | None:
        usable = (
            image
            for image in self._parts.images.all()
            if image.status == 'active' and not image.lock
        )
        return next(usable, None)


def _no_image() -> Found:
    return warning(
        'cannot be tried: no active image is to be seen', 'Upload an image.'
    )


def _words(identity: Identity) -> str:
    roles = ', '.join(sorted(identity.roles))
    return f'{identity.user} in project {identity.project} ({roles})'
