# SPDX-License-Identifier: Apache-2.0
"""What the library, its stubs and its tests take for granted of the real
bindings. These tests need the bindings, and no lab."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import libvirt
import pytest
import rados
import rbd

from rbd_multistore.ceph import cluster as ceph_cluster
from rbd_multistore.ceph.cluster import Access
from tests.unit.ceph.test_errors import (  # noqa: F401
    made,
    test_each_error,
    test_every_error_of_the_bindings_is_decided_on,
    test_words_of_a_number_without_a_name,
    test_words_of_an_error_with_a_number,
    test_words_of_an_error_without_a_number,
)
from tests.unit.fakes import libvirt as fake_libvirt
from tests.unit.fakes import rados as fake_rados
from tests.unit.fakes import rbd as fake_rbd

STUBS = Path(__file__).parents[2] / 'stubs'
REAL = {'rados': rados, 'rbd': rbd, 'libvirt': libvirt}
FAKE = {'rados': fake_rados, 'rbd': fake_rbd, 'libvirt': fake_libvirt}


def stubbed(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield each name in a stub, a method's as ``Class.method``."""
    tree = ast.parse((STUBS / f'{name}.pyi').read_text())
    for node in tree.body:
        yield from _declared(node, '')
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                yield from _declared(inner, f'{node.name}.')


def _declared(node: ast.stmt, prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield f'{prefix}{node.name}', node
    elif isinstance(node, ast.AnnAssign) and not prefix:
        # An annotation in a class says what its instances have.
        yield ast.unparse(node.target), node


STUBBED = [
    (module, name, node) for module in REAL for name, node in stubbed(module)
]


def look_up(module: ModuleType, name: str) -> object:
    found: object = module
    for part in name.split('.'):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    ('module', 'name'), [(module, name) for module, name, _ in STUBBED]
)
def test_every_name_in_a_stub_is_real(module: str, name: str) -> None:
    look_up(REAL[module], name)


@pytest.mark.parametrize(
    ('module', 'name', 'node'),
    [
        pytest.param(*found, id=f'{found[0]}.{found[1]}')
        for found in STUBBED
        if isinstance(found[2], ast.ClassDef)
    ],
)
def test_every_class_in_a_stub_is_below_the_real_one(
    module: str, name: str, node: ast.ClassDef
) -> None:
    real = look_up(REAL[module], name)
    assert inspect.isclass(real)
    told = [ast.unparse(base) for base in node.bases]
    if issubclass(real, Exception):
        assert told == [base.__name__ for base in real.__bases__]


def below(root: type[Exception]) -> dict[str, type[Exception]]:
    found = {root.__name__: root}
    for cls in root.__subclasses__():
        found |= below(cls)
    return found


ROOTS = [(rados.Error, fake_rados.Error), (rbd.Error, fake_rbd.Error)]


@pytest.mark.parametrize(('real', 'fake'), ROOTS)
def test_fake_errors_have_the_real_tree(
    real: type[Exception], fake: type[Exception]
) -> None:
    def tree(root: type[Exception]) -> dict[str, list[str]]:
        return {
            name: [base.__name__ for base in cls.__bases__]
            for name, cls in below(root).items()
        }

    assert tree(fake) == tree(real)


@pytest.mark.parametrize(
    ('real', 'fake'),
    [
        pytest.param(below(real)[name], cls, id=f'{real.__module__}.{name}')
        for real, fake in ROOTS
        for name, cls in below(fake).items()
    ],
)
def test_fake_errors_say_what_the_real_ones_say(
    real: type[Exception], fake: type[Exception]
) -> None:
    assert str(made(fake)) == str(made(real))
    if hasattr(made(real), 'errno'):
        told, copied = made(real, 22), made(fake, 22)
        assert str(copied) == str(told)
        assert copied.errno == told.errno  # type: ignore[attr-defined]


@pytest.mark.parametrize('module', FAKE)
def test_fakes_have_nothing_that_is_not_real(module: str) -> None:
    fake = FAKE[module]
    for name, cls in vars(fake).items():
        if not inspect.isclass(cls) or cls.__module__ != fake.__name__:
            continue
        real = getattr(REAL[module], name)
        for method in vars(cls):
            if inspect.isfunction(vars(cls)[method]) and method[0] != '_':
                assert hasattr(real, method), f'{name}.{method}'


def test_fake_libvirt_has_the_real_numbers() -> None:
    for name, number in vars(fake_libvirt).items():
        if name.startswith('VIR_'):
            assert number == getattr(libvirt, name)


def test_fake_rbd_has_the_real_numbers() -> None:
    for name, number in vars(fake_rbd).items():
        if name.startswith('RBD_'):
            assert number == getattr(rbd, name)


def test_libvirt_error_without_words() -> None:
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    with pytest.raises(libvirt.libvirtError) as caught:
        libvirt.open('test:///nonexistent')
    error = caught.value
    assert isinstance(error.get_error_code(), int)
    assert isinstance(error.get_error_message(), str)


@pytest.mark.parametrize(
    'access',
    [
        Access(
            mon_host='127.0.0.1:1,[::1]:2',
            user='nova',
            key='AQAAAAAAAAAAABAAYSBrZXkgaW4gYSB0ZXN0IQ==',
        ),
        Access(mon_host='127.0.0.1', user=None),
    ],
)
def test_librados_knows_every_option(access: Access) -> None:
    options = ceph_cluster._options(access, 7)
    client = rados.Rados(rados_id=access.user, conf=options)
    shown = {name: client.conf_get(name) for name in options}
    client.shutdown()
    # Times come back with a unit of their own from some releases on.
    assert shown['rados_osd_op_timeout'] in ('7', '7.000000')
    assert shown['mon_host'] == access.mon_host
    assert shown['log_to_stderr'] == 'false'
