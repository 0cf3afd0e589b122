# SPDX-License-Identifier: Apache-2.0
"""What is seen of a copy on its way to one store."""

from __future__ import annotations

from oslo_log import log as logging

from rbd_multistore import exceptions
from rbd_multistore.ceph.uploads import Upload, Uploads
from rbd_multistore.copying.progress import Meter, Phase, Progress
from rbd_multistore.glance.image import Image, Task

LOG = logging.getLogger(__name__)

# In these phases nothing is seen of the upload to the store itself.
_NOT_BEGUN = (Phase.STAGING, Phase.COPYING)


class Sight:
    """Looks at one store, as far as its cluster is ours to see."""

    def __init__(self, store: str, uploads: Uploads | None):
        """Look at *store*.

        :param uploads: its pool; ``None``: only Glance tells of it
        """
        self.store = store
        self._uploads = uploads
        self._upload: Upload | None = None
        self._meter = Meter()

    @property
    def is_ours(self) -> bool:
        """Tell whether our cluster has the store."""
        return self._uploads is not None

    @property
    def is_whole(self) -> bool:
        """Tell whether our cluster shows that all is written."""
        return self._upload is not None and self._upload.is_whole

    @property
    def needs_task(self) -> bool:
        """Tell whether Glance's task is to be asked how far an upload is."""
        if self._upload is None:
            return not self.is_ours
        return self._upload.written_bytes is None

    def look(self, image_id: str) -> None:
        """Look at our cluster, if it has the store."""
        if self._uploads is None:
            return
        try:
            self._upload = self._uploads.look(image_id)
        except exceptions.CephError as exc:
            LOG.debug('No look at the upload: %s', exc)

    def progress(
        self,
        image: Image,
        task: Task | None,
        *,
        ours: bool,
        now_s: float,
        elapsed_s: float,
    ) -> Progress:
        """Say how far the copy is.

        :param task: what Glance told last of the task at work
        :param ours: whether a request of ours is under way
        :param now_s: the time, on the clock of all looks at this store
        :param elapsed_s: seconds since the copy was first waited for
        """
        phase = self._phase(image, task, ours)
        written_bytes = rate_bytes_s = None
        if phase is Phase.UPLOADING:
            written_bytes = self._written_bytes(task)
        if written_bytes is not None:
            rate_bytes_s = self._meter.rate_bytes_s(now_s, written_bytes)
        return Progress(
            image_id=image.id,
            store=self.store,
            phase=phase,
            elapsed_s=elapsed_s,
            total_bytes=image.size_bytes,
            written_bytes=written_bytes,
            rate_bytes_s=rate_bytes_s,
            behind=self._behind(image, phase),
        )

    def _phase(self, image: Image, task: Task | None, ours: bool) -> Phase:
        if self.store in image.held_by:
            return Phase.DONE
        if self.store not in image.importing and not ours:
            return Phase.QUEUED
        if self._upload is not None:
            return Phase.FINISHING if self.is_whole else Phase.UPLOADING
        if task is not None and task.copied_bytes is not None:
            return Phase.UPLOADING
        return Phase.STAGING if self.is_ours else Phase.COPYING

    def _behind(self, image: Image, phase: Phase) -> str:
        """Say which copies come before this one, as far as can be told.

        They are another request's, or those to the other stores of the same
        request, which are made one after another.
        """
        others = ','.join(sorted(image.importing - {self.store}))
        if phase is Phase.QUEUED or (phase in _NOT_BEGUN and others):
            return f'{image.lock} {others}'.strip()
        return ''

    def _written_bytes(self, task: Task | None) -> int | None:
        if self._upload is not None and self._upload.written_bytes is not None:
            return self._upload.written_bytes
        return task.copied_bytes if task else None
