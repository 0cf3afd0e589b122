# SPDX-License-Identifier: Apache-2.0
"""What becomes of a build that fails: Nova's own compute manager decides.

Its methods are run as they are, on a manager without a database.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from nova import exception
from nova.compute import manager as compute_manager
from nova.virt.libvirt.driver import LibvirtDriver as NovasDriver

from rbd_multistore import exceptions
from rbd_multistore.nova import errors, process
from tests.functional.nova_backend.compute import Compute

Manager = compute_manager.ComputeManager


def open_manager() -> Any:
    """A manager whose context managers let errors pass."""
    manager = mock.MagicMock()
    manager.rt.instance_claim.return_value.__exit__.return_value = False
    manager._get_request_group_mapping.return_value = None
    manager._build_resources = functools.partial(
        Manager._build_resources, manager
    )
    return manager


def outcome(manager: Any, host: Compute, instance: Any) -> str:
    """Build the instance; tell how Nova takes what comes of it."""
    instance.vm_state = 'building'
    with (
        mock.patch.object(compute_manager, 'compute_utils'),
        mock.patch.object(type(instance), 'save'),
    ):
        try:
            Manager._build_and_run_instance(
                manager,
                host.context,
                instance,
                {},
                [],
                None,
                None,
                None,
                [],
                'node',
                {},
                {},
            )
        except exception.RescheduledException:
            return 'another host'
        except exception.BuildAbortException:
            return 'no other host'
        except exception.UnexpectedDeletingTaskStateError:
            return 'deleted'
    return 'built'


SIZES = {'asked_bytes': 1, 'least_bytes': 2}
ANOTHER, NO_OTHER = 'another host', 'no other host'

# What cannot succeed elsewhere is not tried there; what can, is.
TAKEN = [
    (exceptions.ImageNotFound('x', 'id'), NO_OTHER),
    (exceptions.ImageNotActive('x', 'id'), NO_OTHER),
    (exceptions.ImageNotCloneable('x', 'id'), NO_OTHER),
    (exceptions.StoreUnknown('x', 'id', 'store'), NO_OTHER),
    (exceptions.CopyNotAllowed('x', 'id', 'store'), NO_OTHER),
    (exceptions.CopyFailed('x', 'id', 'store'), NO_OTHER),
    (exceptions.CopyTimeout('x', 'id', 'store'), NO_OTHER),
    (exceptions.CopyStalled('x', 'id', 'store'), NO_OTHER),
    (exceptions.SizeTooSmall('x', **SIZES), NO_OTHER),
    (exceptions.GlanceUnauthorized('x'), NO_OTHER),
    (exceptions.GlanceForbidden('x'), NO_OTHER),
    (exceptions.GlanceConflict('x'), NO_OTHER),
    (exceptions.GlanceInvalid('x'), NO_OTHER),
    (exceptions.GlanceOverQuota('x'), NO_OTHER),
    (exceptions.GlanceUnavailable('x'), ANOTHER),
    (exceptions.ClusterUnavailable('x'), ANOTHER),
    (exceptions.PoolNotFound('x'), ANOTHER),
    (exceptions.SnapshotNotFound('x'), ANOTHER),
    (exceptions.VolumeExists('x'), ANOTHER),
    (exceptions.Interrupted('x'), ANOTHER),
    (exceptions.ConfigError('x'), ANOTHER),
]


@pytest.mark.parametrize(
    ('error', 'then'), TAKEN, ids=[type(e).__name__ for e, _ in TAKEN]
)
def test_where_it_is_tried_next(
    ours: Compute, error: Exception, then: str
) -> None:
    def spawn(*_args: Any, **_kwargs: Any) -> None:
        with errors.as_novas('id'):
            raise error

    manager = open_manager()
    manager.driver.spawn = spawn
    assert outcome(manager, ours, ours.instance()) == then


def test_every_error_was_thought_of() -> None:
    """Of those that a boot may end in."""
    made = {type(error) for error, _ in TAKEN}
    roots = (
        exceptions.ImageError,
        exceptions.CopyError,
        exceptions.GlanceError,
    )
    of_boots = {
        cls
        for root in roots
        for cls in root.__subclasses__()
        # Only a name can stand for several images.
        if cls is not exceptions.ImageAmbiguous
    }
    assert of_boots <= made


def test_server_that_is_deleted(ours: Compute) -> None:
    instance = ours.instance()
    gone = exception.UnexpectedDeletingTaskStateError(
        instance_uuid=instance.uuid, expected={}, actual={}
    )
    manager = open_manager()
    manager.driver.spawn = mock.Mock(side_effect=gone)
    assert outcome(manager, ours, instance) == 'deleted'


@pytest.fixture
def away(compute_at: Callable[..., Compute], tmp_path: Any) -> Compute:
    """A host whose cluster does not answer."""
    conf = tmp_path / 'away.conf'
    conf.write_text('[global]\nmon_host = v1:127.0.0.1:1\n')
    return compute_at(
        images_rbd_ceph_conf=conf, rbd_multistore__ceph_timeout=1
    )


def test_host_without_its_cluster(away: Compute) -> None:
    """Nothing was made there: Nova, which cannot clean up, may go on."""
    driver = away.driver
    instance = away.instance(image_ref='an image')
    manager = open_manager()
    manager.driver = driver
    manager._shutdown_instance = lambda *_a, **_k: driver._cleanup_rbd(
        instance
    )
    with mock.patch.object(NovasDriver, 'spawn') as spawn:
        assert outcome(manager, away, instance) == ANOTHER
    spawn.assert_not_called()
    # Later it counts that volumes may be there.
    with pytest.raises(exception.StorageError):
        driver._cleanup_rbd(instance)


def test_cluster_that_goes_away_meanwhile(
    compute_at: Callable[..., Compute],
) -> None:
    """Volumes may be there, which nobody could remove: it ends here."""
    host = compute_at()
    driver = host.driver
    instance = host.instance(image_ref='an image')
    manager = open_manager()
    manager.driver = driver
    lost = exception.StorageError(reason='lost')

    def clean_up(*_args: Any, **_kwargs: Any) -> None:
        with mock.patch.object(NovasDriver, '_cleanup_rbd', side_effect=lost):
            driver._cleanup_rbd(instance)

    manager._shutdown_instance = clean_up
    with mock.patch.object(NovasDriver, 'spawn', side_effect=lost):
        assert outcome(manager, host, instance) == NO_OTHER


def test_reachable_cluster_is_asked_once(ours: Compute) -> None:
    instance = ours.instance(image_ref='an image')
    volumes = process.kept().volumes
    with (
        mock.patch.object(NovasDriver, 'spawn') as spawn,
        mock.patch.object(volumes, 'exists', wraps=volumes.exists) as asked,
    ):
        ours.driver.spawn(ours.context, instance, {}, [], None, {})
    assert (spawn.call_count, asked.call_count) == (1, 1)
