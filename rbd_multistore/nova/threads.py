# SPDX-License-Identifier: Apache-2.0
"""Ceph's bindings beside eventlet.

On native threads, which Nova 34 uses unless it is told otherwise, there is
nothing to do: the bindings let other threads run. Under eventlet all of
nova-compute runs in one thread, which a call into Ceph would stop. There
each call is made in a thread of eventlet's pool.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

from rbd_multistore.ceph import (
    cluster,
    files,
    image_cache,
    snapshots,
    uploads,
    volumes,
)

_MODULES: tuple[ModuleType, ...] = (
    cluster,
    files,
    image_cache,
    snapshots,
    uploads,
    volumes,
)
_BINDINGS = ('rados', 'rbd')
_BLOCKING = frozenset({'Rados', 'RBD', 'Image'})

Execute = Callable[..., Any]


def is_green() -> bool:
    """Tell whether eventlet has taken the place of this process's threads."""
    if 'eventlet' not in sys.modules:
        return False
    patcher = importlib.import_module('eventlet.patcher')
    return bool(patcher.is_monkey_patched('thread'))


def make_room_for_green_threads() -> None:
    """Have the calls into Ceph made in native threads, if that is needed."""
    if is_green():
        offload(importlib.import_module('eventlet.tpool').execute)


def offload(execute: Execute) -> None:
    """Have *execute* make the calls into Ceph; again: nothing changes."""
    for module in _MODULES:
        for name in _BINDINGS:
            found = vars(module).get(name)
            if isinstance(found, ModuleType):
                setattr(module, name, Bindings(found, execute))


class Bindings:
    """Stands for one of the two modules."""

    def __init__(self, module: ModuleType, execute: Execute):
        self._module = module
        self._execute = execute

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if name not in _BLOCKING:
            return found

        def make(*args: Any, **kwargs: Any) -> Offloaded:
            made = self._execute(found, *args, **kwargs)
            return Offloaded(made, self._execute)

        return make


class Offloaded:
    """Stands for an object of the bindings, and is used like it."""

    def __init__(self, target: Any, execute: Execute):
        self._target = target
        self._execute = execute

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._execute(found, *args, **kwargs)

    def __enter__(self) -> Offloaded:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        self._execute(self._target.close)
        return False
