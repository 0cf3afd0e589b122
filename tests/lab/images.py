# SPDX-License-Identifier: Apache-2.0
"""Images in the lab's Glance, for tests: uploaded where a test wants them,
and deleted when it is over."""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import glanceclient
from glanceclient import exc
from keystoneauth1 import session as ks_session

from tests.lab import glance, wait
from tests.lab.lab import Lab


def client(lab: Lab, session: ks_session.Session) -> Any:
    """A python-glanceclient for whoever the session is of."""
    return glanceclient.Client(
        '2', session=session, endpoint_override=lab.glance.url
    )


def stores(image: Any) -> set[str]:
    """The stores that an image's record names."""
    return set(filter(None, (image.get('stores') or '').split(',')))


@dataclass
class Images:
    """Makes images with a client of its maker's; all of them are deleted by
    :meth:`delete_all`, with the administrator's."""

    admin: Any
    made: list[str] = field(default_factory=list)

    def create(self, by: Any, name: str, **properties: Any) -> Any:
        """A record without data, ``queued``."""
        record = by.images.create(
            name=name,
            **{
                'disk_format': 'raw',
                'container_format': 'bare',
                **properties,
            },
        )
        self.made.append(record['id'])
        return record

    def upload(
        self,
        by: Any,
        path: Path,
        name: str,
        *,
        to: Collection[str] = (glance.CENTRAL,),
        **properties: Any,
    ) -> Any:
        """Upload a file and wait until it is active in exactly the stores
        ``to``; returns the image's record."""
        image_id: str = self.create(by, name, **properties)['id']
        with path.open('rb') as data:
            if len(to) == 1:
                by.images.upload(image_id, data, backend=next(iter(to)))
            else:
                by.images.stage(image_id, data)
                by.images.image_import(
                    image_id, method='glance-direct', stores=list(to)
                )
        return self.wait_for(image_id, to)

    def copy(self, image_id: str, to: Collection[str]) -> Any:
        """Copy an image to more stores, as administrator, and wait."""
        before = self.admin.images.get(image_id)
        self.admin.images.image_import(
            image_id, method='copy-image', stores=list(to)
        )
        return self.wait_for(image_id, stores(before) | set(to))

    def wait_for(
        self, image_id: str, wanted: Collection[str], timeout_s: float = 300.0
    ) -> Any:
        """Until the image is active in exactly these stores and free."""

        def ready() -> Any:
            record = self.admin.images.get(image_id)
            if record['status'] == 'killed':
                raise AssertionError(f'image {image_id} was killed')
            return (
                record['status'] == 'active'
                and stores(record) == set(wanted)
                and not record.get('os_glance_import_task')
                and record
            )

        return wait.until(
            ready, f'image {image_id} in {sorted(wanted)}', timeout_s=timeout_s
        )

    def delete_all(self) -> None:
        """Delete what is still there.  Clones of them must be gone."""
        while self.made:
            image_id = self.made.pop()
            with contextlib.suppress(exc.HTTPNotFound):
                # Glance protects nothing on its own, but a test may have.
                self.admin.images.update(image_id, protected=False)
                self.admin.images.delete(image_id)


@contextlib.contextmanager
def cleaned(admin: Any) -> Iterator[Images]:
    """Images that are deleted at the end."""
    images = Images(admin)
    try:
        yield images
    finally:
        images.delete_all()
