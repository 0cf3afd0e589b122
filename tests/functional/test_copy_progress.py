# SPDX-License-Identifier: Apache-2.0
"""What is told of a copy, and what following it costs."""

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest
import requests

from rbd_multistore.copying.progress import Phase, Progress
from tests.functional.copying import (
    HERE,
    MIB,
    THERE,
    Cloud,
    Pool,
    Sites,
    Watching,
    copies,
)
from tests.lab.state import free_ports

pytest_plugins = ['tests.functional.copy_fixtures']

#: Slow enough for a line in the log, which comes every half minute.
RATE_MIB_S = 3


def test_slow_copy(
    cloud: Cloud,
    here: Pool,
    sites: Sites,
    watching: Watching,
    caplog: pytest.LogCaptureFixture,
) -> None:
    size = 96 * MIB
    image = cloud.make(96)
    with here.throttled('write', RATE_MIB_S):
        assert watching.create(sites.open(), image).result().copied

    phases = [phase for phase, _ in itertools.groupby(watching.seen, _phase)]
    if Phase.FINISHING in phases:  # a moment, which may pass unseen
        phases.remove(Phase.FINISHING)
    assert phases == [Phase.STAGING, Phase.UPLOADING, Phase.DONE]
    uploading = [one for one in watching.seen if one.phase is Phase.UPLOADING]
    written = [one.written_bytes or 0 for one in uploading]
    assert written == sorted(written)
    # Real bytes: step by step, and not from the time that has passed.
    assert {one.total_bytes for one in uploading} == {size}
    assert len(set(written)) >= 6
    assert all(0 <= one <= size for one in written)
    assert all(one % (8 * MIB) == 0 for one in written)

    # In the second half both are well known.
    later = [one for one in uploading if (one.written_bytes or 0) >= size / 2]
    assert later
    for one in later:
        assert one.rate_bytes_s is not None
        assert 0.3 < one.rate_bytes_s / (RATE_MIB_S * MIB) < 2
        assert one.left_s is not None
        left_bytes = size - (one.written_bytes or 0)
        at_limit_s = left_bytes / (RATE_MIB_S * MIB)
        assert at_limit_s / 2 <= one.left_s <= at_limit_s / 0.3

    (line, *_) = (
        line
        for line in caplog.messages
        if line.startswith(f'Image {image} to store {HERE}: uploading ')
    )
    assert ' of 96 MiB, ' in line

    (copy,) = copies(caplog.messages)
    assert copy.pop('image') == image
    assert copy.pop('store') == HERE
    assert copy.pop('bytes') == str(size)
    assert copy.pop('outcome') == 'done'
    assert copy.pop('attempts') == '1'
    assert int(copy.pop('polls')) < 20
    seconds = float(copy.pop('seconds'))
    assert set(copy) - {'finishing'} == {'staging', 'uploading'}
    in_phases = sum(float(spent) for spent in copy.values())
    assert in_phases == pytest.approx(seconds, abs=1.5)
    assert float(copy['uploading']) > seconds / 2


def _phase(seen: Progress) -> Phase:
    return seen.phase


def test_queued_behind_a_copy_to_another_store(
    cloud: Cloud, there: Pool, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(32)
    with there.throttled('write', 8):
        cloud.copy(image, THERE)
        assert watching.create(sites.open(), image).result().copied

    assert watching.seen[0].phase is Phase.QUEUED
    assert watching.seen[-1].phase is Phase.DONE
    assert cloud.outcomes(image) == ['success', 'success']


def test_metrics(cloud: Cloud, sites: Sites, watching: Watching) -> None:
    image = cloud.make(16)
    port = next(free_ports())
    site = sites.open(metrics_port=port)

    assert watching.create(site, image).result().copied

    shown = requests.get(f'http://127.0.0.1:{port}/metrics', timeout=10).text
    labels = f'{{outcome="done",store="{HERE}"}}'
    values = dict(
        line.rsplit(' ', 1)
        for line in shown.splitlines()
        if not line.startswith('#')
    )
    prefix = 'rbd_multistore_cop'
    assert float(values[f'{prefix}ies_total{labels}']) == 1
    assert float(values[f'{prefix}y_seconds_count{labels}']) == 1
    assert float(values[f'{prefix}y_seconds_sum{labels}']) > 0
    by_store = f'{{store="{HERE}"}}'
    assert float(values[f'{prefix}ied_bytes_total{by_store}']) == 16 * MIB
    assert float(values[f'{prefix}y_polls_total{by_store}']) >= 1


@pytest.mark.parametrize('size_mib', [64, 256, 1024])
def test_cost_at_default_settings(
    cloud: Cloud,
    sites: Sites,
    watching: Watching,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    size_mib: int,
) -> None:
    image = cloud.make(size_mib)
    assert watching.create(sites.open(), image).result().copied

    (copy,) = copies(caplog.messages)
    seconds = float(copy['seconds'])
    assert int(copy['polls']) <= 20 + seconds / 15
    cloud.wait_until_unlocked(image)
    (task,) = cloud.tasks(image)
    took = datetime.fromisoformat(task['updated_at']) - datetime.fromisoformat(
        task['created_at']
    )
    extra_s = seconds - took.total_seconds()
    record_property('extra_s', extra_s)
    print(
        f'{size_mib} MiB: {extra_s:.2f} s more than the '
        f'{took.total_seconds():.2f} s of Glance, {copy["polls"]} looks'
    )
    # 1 s or 5 % on a machine that does nothing else.
    assert extra_s <= 3 * max(1.0, 0.05 * took.total_seconds())
