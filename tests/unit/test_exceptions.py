# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from rbd_multistore import exceptions

ALL = [
    cls
    for cls in vars(exceptions).values()
    if inspect.isclass(cls) and cls.__module__ == exceptions.__name__
]


def drawn() -> dict[str, str | None]:
    """Return each class of the tree in the module's docstring, with the
    class above it."""
    above: dict[int, str] = {}
    found: dict[str, str | None] = {}
    for line in (exceptions.__doc__ or '').splitlines():
        told = re.match(r'^    ((?:[|] {3}| {4})*)(\+-- )?([A-Z]\w+)', line)
        if told is None:
            continue
        depth = len(told[1]) // 4 + (1 if told[2] else 0)
        found[told[3]] = above.get(depth - 1)
        above[depth] = told[3]
    return found


def test_docstring_draws_the_tree_that_is_there() -> None:
    real = {
        cls.__name__: next(
            (
                base.__name__
                for base in cls.__bases__
                if issubclass(base, exceptions.RBDMultistoreError)
            ),
            None,
        )
        for cls in ALL
        if cls is not exceptions.Retriable
    }
    assert drawn() == real


@pytest.mark.parametrize('cls', ALL, ids=lambda cls: cls.__name__)
def test_docstring_marks_what_is_retriable(cls: type[Exception]) -> None:
    if cls is exceptions.Retriable:
        return
    marked = re.search(
        rf'\+-- {cls.__name__} +\(Retriable\)', exceptions.__doc__ or ''
    )
    own = exceptions.Retriable in cls.__bases__
    assert bool(marked) == own


def test_what_may_be_tried_again() -> None:
    retriable = {
        cls.__name__
        for cls in ALL
        if issubclass(cls, exceptions.Retriable)
        and cls is not exceptions.Retriable
    }
    assert {
        'ClusterUnavailable',
        'GlanceUnavailable',
        'LibvirtUnavailable',
    } <= retriable
    assert not retriable & {'CephError', 'GlanceError', 'GlanceConflict'}


@pytest.mark.parametrize(
    ('error', 'facts'),
    [
        (
            exceptions.SizeTooSmall('no', asked_bytes=1, least_bytes=2),
            {'asked_bytes': 1, 'least_bytes': 2},
        ),
        (exceptions.ImageNotFound('no', 'an-id'), {'image_id': 'an-id'}),
        (
            exceptions.ImageNotCloneable('no', 'an-id', ('why',)),
            {'image_id': 'an-id', 'reasons': ('why',)},
        ),
        (exceptions.ImageNotCloneable('no', 'an-id'), {'reasons': ()}),
        (
            exceptions.CopyFailed('no', 'an-id', 'site_a'),
            {'image_id': 'an-id', 'store': 'site_a'},
        ),
    ],
)
def test_facts_are_attributes(error: Exception, facts: dict[str, Any]) -> None:
    assert str(error) == 'no'
    assert {name: getattr(error, name) for name in facts} == facts
