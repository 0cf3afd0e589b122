# SPDX-License-Identifier: Apache-2.0
"""Whatever Glance answers, in whatever order, a copy is followed safely.

A Glance of dice: it accepts requests or not, loses answers, lets copies
succeed, fail, die or hang, is away, drops marks or keeps them. It keeps the
one promise that a real one keeps: while the lock is held nothing else is
accepted, and a store is listed only when its copy is whole.
"""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from rbd_multistore import exceptions
from rbd_multistore.copying.account import Account
from rbd_multistore.copying.lead import Lead, Limits
from rbd_multistore.copying.pace import Deadline
from rbd_multistore.copying.sight import Sight
from tests.unit.copying.world import IMAGE, Clock, image

_ENDS = ('done', 'failed', 'died', 'vanished', 'hangs')
_ANSWERS = ('accepted', 'lost before', 'lost after', 'busy', 'unavailable')
_LOOKS = ('seen', 'unavailable')


@dataclasses.dataclass
class Copy:
    """A copy that runs in the Glance of dice."""

    store: str
    ends: str
    until_s: float
    is_ours: bool


class Dice:
    """The Glance of dice."""

    has_service_credentials = True

    def __init__(self, clock, draw, first, marks):
        self.clock = clock
        self.draw = draw
        self.first = self.running = first
        self.stores = {'central'}
        self.importing, self.failed = marks
        self.marked_importing = frozenset(self.importing)
        self.importing = set(self.importing)
        self.failed = set(self.failed)
        self.accepted = 0
        self.changes = 0
        self.asked_while_locked = False
        if first:
            self.importing.add(first.store)

    def image(self, seen=None):
        self._proceed()
        if self.draw(st.sampled_from(_LOOKS)) == 'unavailable':
            raise exceptions.GlanceUnavailable('away')
        return self._shown()

    image_again = image

    def lock_task(self, seen):
        return None

    def copy_image(self, seen, stores):
        self._proceed()
        # Only what the caller had seen counts: the lock may be taken, by
        # somebody else, after its look.
        self.asked_while_locked |= bool(seen.lock)
        (store,) = stores
        answer = self.draw(st.sampled_from(_ANSWERS))
        if answer in ('lost before', 'unavailable'):
            raise exceptions.GlanceUnavailable(answer)
        if self.running or answer == 'busy':
            raise exceptions.GlanceConflict('busy')
        if store in self.stores:
            raise exceptions.GlanceInvalid('present')
        self.accepted += 1
        self.changes += 1
        self.failed.discard(store)
        self.importing.add(store)
        self.running = Copy(
            store,
            self.draw(st.sampled_from(_ENDS)),
            self.clock.now_s + self.draw(st.floats(0, 120)),
            is_ours=True,
        )
        if answer == 'lost after':
            raise exceptions.GlanceUnavailable(answer)

    def _proceed(self):
        copy = self.running
        if not copy or copy.ends == 'hangs':
            return
        if self.clock.now_s < copy.until_s:
            return
        self.running = None
        self.changes += 1
        if copy.ends != 'died':
            self.importing.discard(copy.store)
        if copy.ends == 'failed':
            self.failed.add(copy.store)
        if copy.ends == 'done':
            self.stores.add(copy.store)

    def _shown(self):
        seen = image(
            self.stores,
            self.importing,
            self.failed,
            lock='task' if self.running else '',
        )
        return dataclasses.replace(seen, updated_at=str(self.changes))


@st.composite
def _worlds(draw):
    clock = Clock()
    first = draw(
        st.none()
        | st.builds(
            Copy,
            store=st.sampled_from(('site_a', 'site_b')),
            ends=st.sampled_from(_ENDS),
            until_s=st.floats(0, 120),
            is_ours=st.just(False),
        )
    )
    marks = draw(
        st.tuples(
            st.sets(st.sampled_from(('site_a', 'site_b'))),
            st.sets(st.sampled_from(('site_a', 'site_b'))),
        )
    )
    limits = Limits(
        timeout_s=draw(st.floats(1, 600)),
        stall_timeout_s=draw(st.sampled_from((0.0, 30.0, 180.0))),
        attempts=draw(st.integers(1, 3)),
    )
    return clock, Dice(clock, draw, first, marks), limits


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(_worlds())
def test_follows_any_glance_safely(world):
    clock, glance, limits = world
    start = glance._shown()
    lead = Lead(
        glance,
        start,
        [Sight('site_a', None)],
        limits,
        Deadline(limits.timeout_s, 0.0),
        clock.time(),
        Account(IMAGE, 'site_a', 0.0),
        lambda images, seen: '',
        lambda seen: None,
    )
    try:
        brought = lead.run()
    except exceptions.CopyError:
        assert 'site_a' not in start.stores
    else:
        # It is whole: Glance lists a store only then.
        assert 'site_a' in brought.stores - brought.importing
        assert 'site_a' in glance.stores
    # It ends, and in time: the time begins anew behind the copy of somebody
    # else (there is one at most, or the mark of a dead one), and after it.
    assert clock.now_s <= 3 * limits.timeout_s + 1e-6
    if glance.first is None and not glance.marked_importing:
        assert clock.now_s <= limits.timeout_s + 1e-6
    assert not glance.asked_while_locked
    assert glance.accepted <= limits.attempts
