# SPDX-License-Identifier: Apache-2.0
"""The tree of the bindings' errors, and what each of them becomes.

That the tree is the real one is seen to in tests/functional.
"""

from __future__ import annotations

import pytest
import rados
import rbd

from rbd_multistore import exceptions
from rbd_multistore.ceph import errors

WANTED: dict[type[exceptions.CephError], set[type[Exception]]] = {
    exceptions.ClusterUnavailable: {
        rados.ConnectionShutdown,
        rados.NotConnected,
        rados.RadosStateError,
        rados.IoctxStateError,
        rados.TimedOut,
        rados.InterruptedOrTimeoutError,
        rbd.ConnectionShutdown,
        rbd.Timeout,
    },
    exceptions.VolumeNotFound: {
        rados.ObjectNotFound,
        rbd.ImageNotFound,
        rbd.ObjectNotFound,
    },
    exceptions.VolumeExists: {
        rados.ObjectExists,
        rbd.ImageExists,
        rbd.ObjectExists,
    },
    exceptions.VolumeBusy: {
        rados.ObjectBusy,
        rbd.ImageBusy,
        rbd.ImageHasSnapshots,
    },
    exceptions.CephForbidden: {
        rados.PermissionError,
        rados.PermissionDeniedError,
        rbd.PermissionError,
    },
    # Of no special meaning to a caller: the root of ours, with their words.
    exceptions.CephError: {
        rados.Error,
        rados.OSError,
        rados.InvalidArgumentError,
        rados.ExtendMismatch,
        rados.NoData,
        rados.IOError,
        rados.NoSpace,
        rados.ObjectStateError,
        rados.LogicError,
        rados.InProgress,
        rados.IsConnected,
        rbd.Error,
        rbd.OSError,
        rbd.IOError,
        rbd.NoSpace,
        rbd.IncompleteWriteError,
        rbd.InvalidArgument,
        rbd.LogicError,
        rbd.ReadOnlyImage,
        rbd.FunctionNotSupported,
        rbd.ArgumentOutOfRange,
        rbd.DiskQuotaExceeded,
        rbd.OperationNotSupported,
        rbd.OperationCanceled,
    },
}
PAIRS = [(cls, ours) for ours, classes in WANTED.items() for cls in classes]


def below(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*map(below, root.__subclasses__()))


def made(cls: type[Exception], *number: int) -> Exception:
    if cls.__name__ == 'ExtendMismatch':
        return cls('in the test', *(number or (22,)), 4)
    return cls('in the test', *number)


def test_every_error_of_the_bindings_is_decided_on() -> None:
    assert {cls for cls, _ in PAIRS} == below(rados.Error) | below(rbd.Error)


@pytest.mark.parametrize(
    ('cls', 'ours'),
    PAIRS,
    ids=lambda cls: f'{cls.__module__.rpartition(".")[2]}.{cls.__name__}',
)
def test_each_error(
    cls: type[Exception], ours: type[exceptions.CephError]
) -> None:
    error = made(cls)
    with (
        pytest.raises(exceptions.CephError, match='Cannot open vms/v') as got,
        errors.translated('open vms/v'),
    ):
        raise error
    assert type(got.value) is ours
    assert got.value.__cause__ is error


def test_words_of_an_error_with_a_number() -> None:
    error = rbd.DiskQuotaExceeded('in the test', errno=122)
    with (
        pytest.raises(exceptions.CephError) as caught,
        errors.translated('resize vms/v'),
    ):
        raise error
    assert str(caught.value) == (
        'Cannot resize vms/v: Disk quota exceeded (EDQUOT).'
    )


def test_words_of_an_error_without_a_number() -> None:
    said = errors.describe(rados.LogicError('in the test'))
    assert 'in the test' in said


def test_words_of_a_number_without_a_name() -> None:
    said = errors.describe(rados.OSError('in the test', errno=-9999))
    assert '9999' in said


def test_ours_and_strangers_pass() -> None:
    for error in (exceptions.InvalidName('no'), KeyError('x')):
        with (
            pytest.raises(type(error)) as caught,
            errors.translated('do the thing'),
        ):
            raise error
        assert caught.value is error
