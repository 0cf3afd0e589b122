# SPDX-License-Identifier: Apache-2.0
"""What is said when a copy does not come to its end."""

from __future__ import annotations

from rbd_multistore import exceptions
from rbd_multistore.copying.machine import why_ended
from rbd_multistore.copying.progress import Progress
from rbd_multistore.glance.image import Image, Task


def store_unknown(
    image: Image, store: str, known: list[str]
) -> exceptions.StoreUnknown:
    """Glance does not have the store."""
    return exceptions.StoreUnknown(
        f'Glance has no store {store}: set glance_store_name to one of '
        f'{", ".join(known)}.',
        image.id,
        store,
    )


def not_allowed(
    image: Image, store: str, with_service: bool
) -> exceptions.CopyNotAllowed:
    """Glance's policy refuses the copy to all the credentials there are."""
    if with_service:
        remedy = 'allow it to the service user of [rbd_multistore]'
    else:
        remedy = 'set auth_type and a service user in [rbd_multistore]'
    return exceptions.CopyNotAllowed(
        f'Image {image.id} may not be copied to store {store}: the policy '
        f'copy_image of Glance refuses it. Either {remedy}, or place the '
        'image in the store beforehand.',
        image.id,
        store,
    )


def failed(
    image: Image, stores: frozenset[str], attempts: int, in_the_way: str
) -> exceptions.CopyFailed:
    """The copy ended, as often as it was asked for, without the image."""
    names = ', '.join(sorted(stores))
    why = in_the_way or (
        f'{why_ended(image, stores)}. The log of glance-api says more.'
    )
    times = '' if attempts == 1 else f' {attempts} times'
    return exceptions.CopyFailed(
        f'The copy of image {image.id} to store {names} failed{times}: {why}',
        image.id,
        names,
    )


def timed_out(
    seen: Progress, limit_s: float, lock: str, task: Task | None
) -> exceptions.CopyTimeout:
    """The copy did not end in time."""
    return exceptions.CopyTimeout(
        f'The copy of image {seen.image_id} to store {seen.store} did not '
        f'end in {limit_s:g} s (copy_timeout): it is {seen}. '
        f'{_lock(lock, task)}',
        seen.image_id,
        seen.store,
    )


def stalled(
    seen: Progress, limit_s: float, lock: str, task: Task | None
) -> exceptions.CopyStalled:
    """The copy shows no sign of life."""
    return exceptions.CopyStalled(
        f'The copy of image {seen.image_id} to store {seen.store} has not '
        f'moved for {limit_s:g} s (copy_stall_timeout): it is {seen}. '
        f'{_lock(lock, task)}',
        seen.image_id,
        seen.store,
    )


def _lock(lock: str, task: Task | None) -> str:
    """Say who holds the image's lock, and what that means."""
    if not lock:
        return 'Nobody holds the lock of the image: try again.'
    if task is None:
        return f'Its lock is held by task {lock}, of which no more is known.'
    return (
        f'Its lock is held by task {task.id}, {task.status}, last heard of '
        f'at {task.updated_at:%Y-%m-%d %H:%M:%S %Z}; if glance-api died, the '
        'image can be copied again from '
        f'{task.lock_ends_at:%Y-%m-%d %H:%M:%S %Z} on.'
    )
