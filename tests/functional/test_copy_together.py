# SPDX-License-Identifier: Apache-2.0
"""Many want the same image at the same moment: all get it, by one copy."""

from collections.abc import Callable

import pytest

from tests.functional.copying import (
    HERE,
    IMPORT,
    SHOW,
    THERE,
    Cloud,
    Command,
    Pool,
    Sites,
    Watching,
    copies,
    volume_name,
)
from tests.lab.proxy import Proxy, gathered

pytest_plugins = ['tests.functional.copy_fixtures']


def test_sixteen_processes(
    cloud: Cloud,
    here: Pool,
    proxy: Proxy,
    sites: Sites,
    start: Callable[..., Command],
) -> None:
    image = cloud.make(32)
    # No request reaches Glance before all processes have sent theirs.
    proxy.rule('POST', IMPORT, gathered(16), 16)
    conf = sites.conf(endpoint_override=proxy.url)
    commands = [
        start(conf, *f'volume create {volume} --image {image}'.split())
        for volume in (volume_name(image, n) for n in range(16))
    ]

    outcomes = [command.outcome() for command in commands]

    assert [one.status for one in outcomes] == [0] * 16, outcomes
    assert len(here.clones(image)) == 16
    answers = sorted(one.status for one in proxy.seen('POST', IMPORT))
    assert answers == [202] + [409] * 15
    assert cloud.outcomes(image) == ['success']
    assert len(cloud.log_of(image, 'lock confirmed')) == 1


def test_eight_threads_share_one_watch(
    cloud: Cloud,
    here: Pool,
    proxy: Proxy,
    sites: Sites,
    watching: Watching,
    caplog: pytest.LogCaptureFixture,
) -> None:
    image = cloud.make(32)
    site = sites.open(endpoint_override=proxy.url)
    with here.throttled('write', 8):
        volumes = [watching.create(site, image, n) for n in range(8)]
        for volume in volumes:
            assert volume.result().copied
    (copy,) = copies(caplog.messages)
    assert [one.status for one in proxy.seen('POST', IMPORT)] == [202]
    # Each of the eight looks before the copy, and the seven that did not
    # lead once more after it.
    looks = len(proxy.seen('GET', SHOW))
    assert looks == 8 + int(copy['polls']) + 7


def test_two_sites(
    cloud: Cloud, proxy: Proxy, sites: Sites, watching: Watching
) -> None:
    image = cloud.make(32)
    proxy.rule('POST', IMPORT, gathered(2), 2)
    volumes = [
        watching.create(sites.open(name, endpoint_override=proxy.url), image)
        for name in (HERE, THERE)
    ]

    for volume in volumes:
        assert volume.result().copied
    assert cloud.outcomes(image) == ['success', 'success']
    first, second = cloud.tasks(image)
    assert second['created_at'] > first['updated_at']
    assert cloud.stores(image) >= {HERE, THERE}
