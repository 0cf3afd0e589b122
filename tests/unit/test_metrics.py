# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from rbd_multistore.copying.account import Summary
from rbd_multistore.copying.progress import Phase
from rbd_multistore.metrics import Metrics


def _copy(outcome: str) -> Summary:
    return Summary(
        image_id='image',
        store='site_a',
        size_bytes=1000,
        seconds=7.0,
        phases_s={Phase.STAGING: 7.0},
        polls=5,
        attempts=1,
        outcome=outcome,
    )


def test_counts_copies():
    metrics = Metrics()
    for outcome in ('done', 'done', 'stalled'):
        metrics.report(_copy(outcome))

    def value(name, **labels):
        return metrics.registry.get_sample_value(
            f'rbd_multistore_{name}', {'store': 'site_a', **labels}
        )

    assert value('copies_total', outcome='done') == 2
    assert value('copies_total', outcome='stalled') == 1
    assert value('copied_bytes_total') == 2000
    assert value('copy_polls_total') == 15
    assert value('copy_seconds_sum', outcome='stalled') == 7.0
    assert value('copy_seconds_bucket', outcome='done', le='5.0') == 0
    assert value('copy_seconds_bucket', outcome='done', le='10.0') == 2
