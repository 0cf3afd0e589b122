# SPDX-License-Identifier: Apache-2.0
"""Numbers for Prometheus, of the copies that this process followed."""

from __future__ import annotations

import prometheus_client

from rbd_multistore import exceptions
from rbd_multistore.copying.account import Summary

# Seconds: from an image that is all but there to the default copy_timeout.
_BUCKETS_S = (1, 2, 5, 10, 20, 40, 80, 160, 320, 600, 1200)


class Metrics:
    """Counts copies; :meth:`serve` shows the counts."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._copies = prometheus_client.Counter(
            'rbd_multistore_copies',
            'Copies of images that were followed to their end.',
            ['store', 'outcome'],
            registry=self.registry,
        )
        self._bytes = prometheus_client.Counter(
            'rbd_multistore_copied_bytes',
            'Bytes of the images whose copy was done.',
            ['store'],
            registry=self.registry,
        )
        self._polls = prometheus_client.Counter(
            'rbd_multistore_copy_polls',
            'Looks at Glance while copies were followed.',
            ['store'],
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            'rbd_multistore_copy_seconds',
            'Seconds that copies were followed for.',
            ['store', 'outcome'],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )

    def report(self, copy: Summary) -> None:
        """Count one copy."""
        self._copies.labels(copy.store, copy.outcome).inc()
        self._polls.labels(copy.store).inc(copy.polls)
        self._seconds.labels(copy.store, copy.outcome).observe(copy.seconds)
        if copy.outcome == 'done':
            self._bytes.labels(copy.store).inc(copy.size_bytes)

    def serve(self, address: str, port: int) -> None:
        """Show the numbers at *address* and *port*, from a thread.

        :raises ConfigError: somebody else is there already
        """
        try:
            prometheus_client.start_http_server(
                port, address, registry=self.registry
            )
        except OSError as exc:
            raise exceptions.ConfigError(
                f'The metrics cannot be shown at {address}, port {port}: '
                f'{exc.strerror}. Set metrics_port to one that is free.'
            ) from exc
