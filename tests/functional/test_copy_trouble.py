# SPDX-License-Identifier: Apache-2.0
"""Trouble that passes while an image is copied, on the way to Glance and in
the cluster, and Glance accepts exactly one copy all the same."""

import itertools
from collections.abc import Callable

import pytest

from rbd_multistore import exceptions
from rbd_multistore.copying.progress import Phase
from rbd_multistore.site import Site
from tests.functional.copying import (
    IMPORT,
    MIB,
    SHOW,
    Cloud,
    Pool,
    Sites,
    Watching,
    volume_name,
)
from tests.lab import proxy as lab_proxy
from tests.lab.proxy import (
    Answer,
    Exchange,
    Forward,
    Proxy,
    Request,
    answer,
    refusal,
)

pytest_plugins = ['tests.functional.copy_fixtures']

#: Seconds that a service asks to be left alone.
TOLD_S = 3


@pytest.fixture
def site(sites: Sites, proxy: Proxy) -> Site:
    return sites.open(endpoint_override=proxy.url)


def create_with_one_copy(cloud: Cloud, site: Site, image: str) -> None:
    assert site.backend.create_from_image(volume_name(image), image).copied
    assert cloud.outcomes(image) == ['success']


#: What goes wrong on the way before Glance has heard of the request.
UNHEARD = (
    *(answer(status) for status in (429, 500, 502, 503, 504)),
    lab_proxy.dropped,
)


def test_while_looking(
    cloud: Cloud, here: Pool, proxy: Proxy, sites: Sites
) -> None:
    image = cloud.make(64)
    # The first look finds the image, before anything is copied.
    proxy.rule('GET', SHOW, lab_proxy.passed_on, 1)
    trouble = (
        *UNHEARD,
        lab_proxy.unanswered,
        lab_proxy.cut_short,
        lab_proxy.delayed(1),
    )
    rules = [proxy.rule('GET', SHOW, act, 1) for act in trouble]
    site = sites.open(endpoint_override=proxy.url, copy_poll_interval=0.5)

    with here.throttled('write', 8):
        create_with_one_copy(cloud, site, image)

    assert [rule.taken for rule in rules] == [1] * len(rules)


def test_while_asking(cloud: Cloud, proxy: Proxy, site: Site) -> None:
    image = cloud.make(16)
    for act in (*UNHEARD, lab_proxy.unanswered):
        proxy.rule('POST', IMPORT, act, 1)

    create_with_one_copy(cloud, site, image)

    # The one that was heard, though not answered, is not sent again.
    asked = proxy.seen('POST', IMPORT)
    assert len(asked) == len(UNHEARD) + 1
    # And after each the copy is looked for before the next.
    looked_s = [one.request.at_s for one in proxy.seen('GET', SHOW)]
    for one, following in itertools.pairwise(asked):
        since_s, until_s = one.request.at_s, following.request.at_s
        assert any(since_s < at_s < until_s for at_s in looked_s)


def test_told_to_wait(
    cloud: Cloud, here: Pool, proxy: Proxy, site: Site
) -> None:
    image = cloud.make(32)
    told = {'Retry-After': str(TOLD_S)}
    proxy.rule('POST', IMPORT, answer(429, told), 1)
    # The first two find the image, before the copy is asked for and again.
    proxy.rule('GET', SHOW, lab_proxy.passed_on, 2)
    proxy.rule('GET', SHOW, answer(503, told), 1)

    # The upload ends meanwhile, which is no reason to look earlier.
    with here.throttled('write', 32):
        create_with_one_copy(cloud, site, image)

    refused = [
        one for one in proxy.seen('GET|POST', '') if one.status in (429, 503)
    ]
    assert len(refused) == 2
    for one in refused:
        assert_left_alone(proxy, one)


def assert_left_alone(proxy: Proxy, told: Exchange) -> None:
    """Nothing was asked for as long as ``told`` says."""
    later = [
        exchange.request.at_s - told.request.at_s
        for exchange in proxy.seen('GET|POST', '')
        if exchange.request.at_s > told.request.at_s
    ]
    assert min(later) >= TOLD_S


def test_refusals_that_stay(cloud: Cloud, proxy: Proxy, site: Site) -> None:
    image = cloud.make(16)
    refusals = {
        400: exceptions.GlanceInvalid,
        401: exceptions.GlanceUnauthorized,
        403: exceptions.CopyNotAllowed,
        404: exceptions.ImageNotFound,
        413: exceptions.GlanceOverQuota,
    }
    for status, error in refusals.items():
        # Once more with another token, where the first is not believed.
        times = 2 if status == 401 else 1
        rule = proxy.rule('POST', IMPORT, answer(status), times)
        with pytest.raises(error):
            site.backend.create_from_image(volume_name(image), image)
        assert rule.taken == times
    assert cloud.tasks(image) == []


@pytest.mark.parametrize('daemon', ['mon', 'osd'])
def test_cluster_restarts(
    cloud: Cloud,
    here: Pool,
    sites: Sites,
    watching: Watching,
    daemon: str,
) -> None:
    image = cloud.make(64)
    stopped = here.cluster.daemon(daemon)
    with here.throttled('write', 8):
        volume = watching.create(sites.open(), image)
        watching.wait_until(Phase.UPLOADING, 8 * MIB)
        stopped.stop()
        here.cluster.up()

    assert volume.result().copied
    assert cloud.outcomes(image) == ['success']


@pytest.fixture
def expire(cloud: Cloud, proxy: Proxy) -> Callable[[], None]:
    """Ends the life of all tokens that Glance was asked with so far.

    Glance believes for minutes what it once learnt of a token, so the proxy
    refuses them in its place.
    """

    def run() -> None:
        tokens = {one.request.token for one in proxy.exchanges} - {''}
        assert tokens
        for token in tokens:
            cloud.revoke(token)

        def act(request: Request, forward: Forward) -> Answer:
            return (
                refusal(401) if request.token in tokens else forward(request)
            )

        proxy.rule('GET|POST', '', act)

    return run


def test_token_expires(
    cloud: Cloud,
    here: Pool,
    proxy: Proxy,
    site: Site,
    watching: Watching,
    expire: Callable[[], None],
) -> None:
    """A password gives another one."""
    image = cloud.make(64)
    with here.throttled('write', 8):
        volume = watching.create(site, image)
        watching.wait_until(Phase.UPLOADING, 8 * MIB)
        expire()

    assert volume.result().copied
    assert 401 in [one.status for one in proxy.seen('GET', SHOW)]
    assert cloud.outcomes(image) == ['success']


def test_token_that_came_with_a_request_expires(
    cloud: Cloud,
    here: Pool,
    proxy: Proxy,
    as_token_of_demo: str,
    site: Site,
    watching: Watching,
    expire: Callable[[], None],
) -> None:
    """Nobody can renew it; the service credentials look in its place."""
    image = cloud.make(64)
    with here.throttled('write', 8):
        volume = watching.create(site, image)
        watching.wait_until(Phase.UPLOADING, 8 * MIB)
        cloud.revoke(as_token_of_demo)
        expire()

    assert volume.result().copied
    assert 401 in [one.status for one in proxy.seen('GET', SHOW)]
    assert cloud.outcomes(image) == ['success']
