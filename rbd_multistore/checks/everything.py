# SPDX-License-Identifier: Apache-2.0
"""All checks of a site, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterator

from rbd_multistore.checks.cloud import CloudChecks
from rbd_multistore.checks.cluster import ClusterChecks
from rbd_multistore.checks.deep import DeepCheck
from rbd_multistore.checks.parts import Parts
from rbd_multistore.checks.result import Result, run


def try_all(parts: Parts) -> Iterator[Result]:
    """Try what changes nothing but a blank volume that goes again."""
    yield from run(ClusterChecks(parts).group())
    yield from run(CloudChecks(parts).group())


def try_all_and_clone(parts: Parts) -> Iterator[Result]:
    """Try the main job itself as well."""
    yield from try_all(parts)
    yield from run(DeepCheck(parts).group())
