# SPDX-License-Identifier: Apache-2.0
"""Every name of Nova's that the plug-in touches, as in Nova 34, 33 and 32.

An upgrade that changes one fails here; what the plug-in takes for granted
of it is then to be read again. These tests need Nova, and no lab.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nova
import nova.conf
import pytest
from nova import exception
from nova.storage import rbd_utils
from nova.virt.libvirt import imagebackend

from rbd_multistore import opts
from rbd_multistore.nova import (
    compute_driver,
    image_cache,
    locations,
    rbd_driver,
    register,
)
from rbd_multistore.nova import imagebackend as our_imagebackend

NOVA = Path(nova.__file__).parent
RBD = 'nova.virt.libvirt.imagebackend.Rbd'
DRIVER = 'nova.virt.libvirt.driver.LibvirtDriver'
RBD_DRIVER = 'nova.storage.rbd_utils.RBDDriver'

SIGNATURES = {
    # Replaced, or called, by our Rbd.
    f'{RBD}.__init__': '(self, instance=None, disk_name=None, path=None, '
    'disk_info_mapping=None)',
    f'{RBD}.create_image': '(self, prepare_template, base, size, safe=False, '
    '*args, **kwargs)',
    f'{RBD}.clone': '(self, context, image_id_or_uri, copy_to_store=True)',
    f'{RBD}.direct_snapshot': '(self, context, snapshot_name, image_format, '
    'image_id, base_image_id)',
    f'{RBD}._remove_non_raw_cache_image': '(base)',
    # Nova's own, on our driver.
    f'{RBD}.cache': '(self, fetch_func, filename, size=None, safe=False, '
    '*args, **kwargs)',
    f'{RBD}.exists': '(self)',
    f'{RBD}.get_disk_size': '(self, name)',
    f'{RBD}.verify_base_size': '(self, base, size, base_size=0)',
    f'{RBD}.resize_image': '(self, size)',
    f'{RBD}.libvirt_info': '(self, cache_mode, extra_specs, boot_order=None, '
    'disk_unit=None)',
    f'{RBD}.snapshot_extract': '(self, target, out_format)',
    f'{RBD}.flatten': '(self)',
    f'{RBD}.get_model': '(self, connection)',
    f'{RBD}.import_file': '(self, instance, local_file, remote_name)',
    f'{RBD}.create_snap': '(self, name)',
    f'{RBD}.remove_snap': '(self, name, ignore_errors=False)',
    f'{RBD}.rollback_to_snap': '(self, name)',
    f'{RBD}.cleanup_direct_snapshot': '(self, location, '
    'also_destroy_volume=False, ignore_errors=False)',
    f'{RBD}.is_shared_block_storage': '()',
    # Who calls it, and with what.
    'nova.virt.libvirt.imagebackend.Backend.by_name': '(self, instance, '
    'name, image_type=None, disk_info_mapping=None)',
    'nova.virt.libvirt.imagebackend.Backend.by_libvirt_path': '(self, '
    'instance, path, image_type=None)',
    f'{DRIVER}._create_and_inject_local_root': '(self, context, instance, '
    'disk_mapping, booted_from_volume, suffix, disk_images, injection_info, '
    'fallback_from_host)',
    f'{DRIVER}._try_fetch_image_cache': '(self, image, fetch_func, context, '
    'filename, image_id, instance, size, fallback_from_host=None)',
    f'{DRIVER}.snapshot': '(self, context, instance, image_id, '
    'update_task_state)',
    f'{DRIVER}._cleanup_rbd': '(self, instance)',
    f'{DRIVER}.delete_instance_files': '(self, instance)',
    f'{DRIVER}._get_local_gb_info': '()',
    f'{DRIVER}.spawn': '(self, context, instance, image_meta, '
    'injected_files, admin_password, allocations, network_info=None, '
    'block_device_info=None, power_on=True, accel_info=None)',
    f'{DRIVER}.migrate_disk_and_power_off': '(self, context, instance, dest, '
    'flavor, network_info, block_device_info=None, timeout=0, '
    'retry_interval=0)',
    # Replaced by our driver of the host.
    f'{DRIVER}.init_host': '(self, host)',
    f'{DRIVER}.get_available_resource': '(self, nodename)',
    f'{DRIVER}.check_can_live_migrate_destination': '(self, context, '
    'instance, src_compute_info, dst_compute_info, block_migration=False, '
    'disk_over_commit=False)',
    f'{DRIVER}.instance_on_disk': '(self, instance)',
    'nova.virt.libvirt.imagecache.ImageCacheManager.update': '(self, '
    'context, all_instances)',
    'nova.image.glance.GlanceImageServiceV2._add_location': '(self, context, '
    'image_id, location)',
    # The driver of the pool.
    f'{RBD_DRIVER}.__init__': '(self, pool=None, user=None, ceph_conf=None, '
    'connect_timeout=None)',
    f'{RBD_DRIVER}.ceph_args': '(self)',
    f'{RBD_DRIVER}.get_mon_addrs': '(self, strip_brackets=True)',
    f'{RBD_DRIVER}.parse_url': '(self, url)',
    f'{RBD_DRIVER}.get_fsid': '(self)',
    f'{RBD_DRIVER}.is_cloneable': '(self, image_location, image_meta)',
    f'{RBD_DRIVER}.clone': '(self, image_location, dest_name, dest_pool=None)',
    f'{RBD_DRIVER}.size': '(self, name)',
    f'{RBD_DRIVER}.resize': '(self, name, size)',
    f'{RBD_DRIVER}.parent_info': '(self, volume, pool=None)',
    f'{RBD_DRIVER}.flatten': '(self, volume, pool=None)',
    f'{RBD_DRIVER}.exists': '(self, name, pool=None, snapshot=None)',
    f'{RBD_DRIVER}.remove_image': '(self, name)',
    f'{RBD_DRIVER}.import_image': '(self, base, name)',
    f'{RBD_DRIVER}.export_image': '(self, base, name, snap, pool=None)',
    f'{RBD_DRIVER}.cleanup_volumes': '(self, filter_fn)',
    f'{RBD_DRIVER}.get_pool_info': '(self)',
    f'{RBD_DRIVER}.create_snap': '(self, volume, name, pool=None, '
    'protect=False)',
    f'{RBD_DRIVER}.remove_snap': '(self, volume, name, ignore_errors=False, '
    'pool=None, force=False)',
    f'{RBD_DRIVER}.rollback_to_snap': '(self, volume, name)',
    f'{RBD_DRIVER}.destroy_volume': '(self, volume, pool=None)',
    # What is called.
    'nova.utils.synchronized': None,
    'nova.context.RequestContext.get_auth_plugin': '(self)',
    'nova.virt.configdrive.required_by': '(instance)',
    'nova.objects.migration.Migration.get_by_id': None,
    'nova.objects.compute_node.ComputeNode.get_by_host_and_nodename': None,
    'nova.objects.instance.Instance.save': None,
}

# What our class has of Nova's; a new name is to be looked at.
OF_RBD = {
    '__init__', '_can_fallocate', '_get_parent_pool',
    '_remove_non_raw_cache_image', 'cleanup_direct_snapshot', 'clone',
    'copy_to_store', 'create_image', 'create_snap', 'direct_snapshot',
    'exists', 'flatten', 'get_disk_size', 'get_model', 'import_file',
    'is_shared_block_storage', 'libvirt_info', 'remove_snap',
    'resize_image', 'rollback_to_snap', 'snapshot_extract',
}  # fmt: skip

OPTIONS = {
    'DEFAULT': ('instances_path',),
    'libvirt': (
        'images_type',
        'images_rbd_pool',
        'images_rbd_ceph_conf',
        'images_rbd_glance_store_name',
        'images_rbd_glance_copy_poll_interval',
        'images_rbd_glance_copy_timeout',
        'rbd_user',
        'rbd_secret_uuid',
        'rbd_connect_timeout',
        'rbd_destroy_volume_retries',
        'rbd_destroy_volume_retry_interval',
        'connection_uri',
    ),
    'workarounds': ('never_download_image_if_on_rbd',),
    'image_cache': (
        'remove_unused_base_images',
        'remove_unused_original_minimum_age_seconds',
    ),
    'glance': ('api_servers', 'num_retries', 'region_name', 'timeout'),
    'service_user': ('auth_type', 'send_service_user_token'),
}

# What the manager or the driver does with an error is by its class.
ERRORS = {
    'BuildAbortException': ('NovaException',),
    'DiskNotFound': ('NotFound',),
    'FlavorDiskSmallerThanImage': ('FlavorDiskTooSmall',),
    'Forbidden': ('NovaException',),
    'GlanceConnectionFailed': ('NovaException',),
    'ImageNotActive': ('NovaException',),
    'ImageNotAuthorized': ('NovaException',),
    'ImageNotFound': ('NotFound',),
    'ImageUnacceptable': ('Invalid',),
    'InstanceFaultRollback': ('NovaException',),
    'InstanceNotFound': ('NotFound',),
    'InvalidConfiguration': ('Invalid',),
    'InvalidSharedStorage': ('NovaException',),
    'MigrationPreCheckError': ('MigrationError',),
    'NotFound': ('NovaException',),
    'ResizeError': ('NovaException',),
    'SnapshotNotFound': ('NotFound',),
    'StorageError': ('NovaException',),
    'UnexpectedDeletingTaskStateError': ('UnexpectedTaskStateError',),
}


def look_up(name: str) -> Any:
    parts = name.split('.')
    for count in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module('.'.join(parts[:count]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[count:], module)
    raise AssertionError(f'Nova has no {name}')


@pytest.mark.parametrize('name', SIGNATURES)
def test_name_is_as_it_was(name: str) -> None:
    found = look_up(name)
    assert callable(found)
    if SIGNATURES[name] is not None:
        assert str(inspect.signature(found)) == SIGNATURES[name]


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


# Which hand on what they do not look at.
PASSED_ON = ('spawn', 'migrate_disk_and_power_off')

REPLACED = [
    (our_imagebackend.NovasRbd, our_imagebackend.Rbd),
    (compute_driver.NovasDriver, compute_driver.LibvirtDriver),
    (image_cache.NovasManager, image_cache.ImageCacheManager),
    (locations.NovasService, locations.ImageService),
    (rbd_utils.RBDDriver, rbd_driver.RBDDriver),
]


@pytest.mark.parametrize(
    ('novas', 'ours', 'method'),
    [
        pytest.param(novas, ours, name, id=f'{ours.__name__}.{name}')
        for novas, ours in REPLACED
        for name, found in vars(ours).items()
        if inspect.isfunction(found) and hasattr(novas, name)
    ],
)
def test_ours_is_called_like_novas(
    novas: type, ours: type, method: str
) -> None:
    """With the same parameters, or the first of them and ``*args``."""
    taken = parameters(getattr(ours, method))
    given = parameters(getattr(novas, method))
    if method in PASSED_ON:
        assert [kind for _, kind, _ in taken[-2:]] == [
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ]
        taken = taken[:-2]
        given = given[: len(taken)]
    assert taken == given


def test_our_pool_can_all_that_novas_can() -> None:
    def public(cls: type) -> set[str]:
        return {name for name in vars(cls) if not name.startswith('_')}

    assert public(rbd_utils.RBDDriver) <= public(rbd_driver.RBDDriver)
    kept = vars(rbd_driver.RBDDriver()).keys()
    assert vars(rbd_utils.RBDDriver()).keys() <= kept


def test_nothing_was_added_to_rbd() -> None:
    found = {
        name
        for name, value in vars(our_imagebackend.NovasRbd).items()
        if inspect.isfunction(value) or isinstance(value, staticmethod)
    }
    assert found == OF_RBD


@pytest.mark.parametrize('group', OPTIONS)
def test_options(group: str) -> None:
    conf = nova.conf.CONF
    place = conf if group == 'DEFAULT' else conf[group]
    for option in OPTIONS[group]:
        place[option]


@pytest.mark.parametrize('name', ERRORS)
def test_errors(name: str) -> None:
    error = getattr(exception, name)
    assert tuple(base.__name__ for base in error.__bases__) == ERRORS[name]


def test_messages_of_errors() -> None:
    """What is said is ours, or said with what Nova's message wants."""
    made = exception.ImageUnacceptable(image_id='id', reason='why')
    assert 'why' in str(made)
    made = exception.StorageError(reason='why')
    assert 'why' in str(made)
    made = exception.GlanceConnectionFailed(server='Glance', reason='why')
    assert 'why' in str(made)
    made = exception.MigrationPreCheckError(reason='why')
    assert 'why' in str(made)
    made = exception.InvalidSharedStorage(path='path', reason='why')
    assert 'why' in str(made)
    made = exception.FlavorDiskSmallerThanImage(flavor_size=1, image_size=2)
    assert '2' in str(made)


def test_main() -> None:
    """It is not imported: that chooses how this process's threads are."""
    tree = ast.parse((NOVA / 'cmd' / 'compute.py').read_text())
    [main] = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == 'main'
    ]
    assert ast.unparse(main.args) == ''
    # In the program's own module, or in its package (Nova 32).
    package = (NOVA / 'cmd' / '__init__.py').read_text()
    first = next(n for n in tree.body if isinstance(n, ast.ImportFrom))
    told = f'{ast.unparse(first)} {package}'
    assert 'from nova import monkey_patch' in told


def test_resize_snapshot() -> None:
    assert rbd_utils.RESIZE_SNAPSHOT_NAME == 'nova-resize'


def direct_imports() -> Iterator[str]:
    """Yield where Nova takes a replaced class out of its module for good."""
    replaced = {(module.__name__, name) for module, name, _ in register.NAMES}
    for path in NOVA.rglob('*.py'):
        if 'tests' in path.relative_to(NOVA).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (node.module, alias.name) in replaced:
                        yield f'{path}: {alias.name}'


def classes_that_name_themselves() -> Iterator[str]:
    """Yield the replaced classes of Nova's whose ``super`` finds ours."""
    for module, name, _ in register.NAMES:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == 'super'
                and [ast.unparse(one) for one in node.args[:1]] == [name]
            ):
                yield f'{module.__name__}.{name}'


def test_no_replaced_class_names_itself() -> None:
    assert list(classes_that_name_themselves()) == []


def test_driver_has_our_image_cache_manager(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made as Nova makes it, but for the connection to libvirt."""
    monkeypatch.setattr(
        compute_driver.NovasDriver, '__init__', lambda self, *_: None
    )
    driver = compute_driver.LibvirtDriver(None)
    manager = driver.image_cache_manager
    assert type(manager) is image_cache.ImageCacheManager
    assert manager.cache_dir


def test_nova_looks_our_classes_up() -> None:
    assert list(direct_imports()) == []


def test_registered_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, _ours in register.NAMES:
        monkeypatch.setattr(module, name, getattr(module, name))
    register.register()
    register.register()
    backend = imagebackend.Backend(use_cow=True)
    assert backend.backend('rbd') is our_imagebackend.Rbd
    assert backend.backend('qcow2') is imagebackend.Qcow2
    assert our_imagebackend.Rbd.is_shared_block_storage()
    assert our_imagebackend.Rbd.SUPPORTS_CLONE


def test_our_options_beside_novas() -> None:
    opts.register_opts(nova.conf.CONF)
    found = opts.settings(nova.conf.CONF)
    assert found.rbd_pool == 'rbd'
    assert found.copy_timeout_s == 600.0
    assert found.glance_store_name is None
