# SPDX-License-Identifier: Apache-2.0
"""As much of a nova-compute as makes an instance's disks.

The driver's own methods are called, on instances without a database.
"""

from __future__ import annotations

import configparser
import contextlib
import enum
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import nova.conf
import pytest
import rados
import rbd
from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import imagebackend

from rbd_multistore.nova import compute_driver, process, register
from tests.functional.main_job.disks import Disks
from tests.lab import keystone
from tests.lab.lab import Lab

CONF = nova.conf.CONF
POOL = 'vms'
MIB = 1 << 20

ROOT_MAPPING = {'bus': 'virtio', 'dev': 'vda', 'type': 'disk'}

_STOCK = {
    (module, name): getattr(module, name) for module, name, _ in register.NAMES
}


class Side(enum.Enum):
    """Whose classes are in Nova's modules."""

    OURS = 'ours'
    NOVAS = "Nova's"


@dataclass
class Compute:
    """A nova-compute at a site.

    :ivar options: of ``[libvirt]``, or ``group__name`` of another group
    """

    lab: Lab
    session: Any
    site: str
    home: Path
    options: dict[str, Any]
    instances: list[Any] = field(default_factory=list)

    @contextlib.contextmanager
    def serving(self, side: Side) -> Iterator[None]:
        """Have this process be that nova-compute."""
        self.switch_on(side)
        try:
            yield
        finally:
            process.forget()
            _put_novas_back()
            CONF.clear()

    def switch_on(self, side: Side) -> None:
        process.forget()
        register.register()
        if side is Side.NOVAS:
            _put_novas_back()
        CONF.clear()
        CONF(
            ['--config-file', str(self._conf())],
            project='nova',
            default_config_files=[],
            default_config_dirs=[],
        )
        process.forget()

    @property
    def context(self) -> nova_context.RequestContext:
        """A request of the user's, as nova-api hands it on."""
        return nova_context.RequestContext(
            user_id=self.session.get_user_id(),
            project_id=self.session.get_project_id(),
            auth_token=self.session.get_token(),
            service_catalog=[
                {
                    'type': 'image',
                    'name': 'glance',
                    'endpoints': [
                        {
                            'region': keystone.REGION,
                            'publicURL': self.lab.glance.url,
                            'internalURL': self.lab.glance.url,
                        }
                    ],
                }
            ],
        )

    def instance(self, **changes: Any) -> Any:
        """An instance that this host builds."""
        values: dict[str, Any] = {
            'uuid': str(uuid.uuid4()),
            'flavor': objects.Flavor(
                root_gb=1, ephemeral_gb=0, swap=0, extra_specs={}
            ),
            'image_ref': '',
            'task_state': 'spawning',
            'vm_state': 'building',
            'system_metadata': {},
            'trusted_certs': None,
            'config_drive': '',
            'progress': 0,
            'migration_context': None,
            'host': 'host',
            'node': 'node',
            **changes,
        }
        instance = objects.Instance(self.context, **values)
        self.instances.append(instance)
        return instance

    @property
    def driver(self) -> Any:
        """Nova's driver, as far as it needs no libvirt."""
        cls = (
            compute_driver.LibvirtDriver
            if imagebackend.Rbd.__module__.startswith('rbd_multistore')
            else libvirt_driver.LibvirtDriver
        )
        driver = cls.__new__(cls)
        driver.image_backend = imagebackend.Backend(CONF.use_cow_images)
        return driver

    def boot(self, image_id: str, suffix: str = '', **changes: Any) -> Any:
        """Make an instance's root disk as ``spawn`` does; return it."""
        instance = self.instance(image_ref=image_id, **changes)
        self.root(instance, image_id, suffix)
        return instance

    def root(self, instance: Any, image_id: str, suffix: str = '') -> None:
        with mock.patch.object(type(instance), 'save'):
            self.driver._create_and_inject_local_root(
                self.context,
                instance,
                {f'disk{suffix}': ROOT_MAPPING},
                False,
                suffix,
                {'image_id': image_id},
                None,
                None,
            )

    def disk(self, instance: Any, name: str = 'disk', **mapping: Any) -> Any:
        return self.driver.image_backend.by_name(
            instance, name, 'rbd', {**ROOT_MAPPING, **mapping}
        )

    def base_files(self) -> list[Path]:
        return [p for p in self.home.glob('_base/*') if p.is_file()]

    @contextlib.contextmanager
    def opened(self) -> Iterator[rados.Ioctx]:
        with (
            self.lab.clusters[self.site].connect() as connection,
            connection.open_ioctx(POOL) as ioctx,
        ):
            yield ioctx

    def volumes(self) -> set[str]:
        with self.opened() as ioctx:
            return set(rbd.RBD().list(ioctx))

    def clean_up(self) -> None:
        """Remove what the instances had, and the cached images."""
        prefixes = tuple(i.uuid for i in self.instances)
        with self.opened() as ioctx:
            for name in rbd.RBD().list(ioctx):
                if name.startswith(prefixes) and prefixes:
                    _remove(ioctx, name)
            for name in rbd.RBD().list(ioctx):
                if name.startswith('rbd-multistore-cache_'):
                    with contextlib.suppress(rbd.ImageBusy):
                        _remove(ioctx, name)

    def _conf(self) -> Path:
        cluster = self.lab.clusters[self.site]
        keyring = self.home / 'keyring'
        keyring.write_text(
            f'[client.nova]\nkey = {cluster.state.keys["client.nova"]}\n'
        )
        ceph_conf = self.home / 'ceph.conf'
        ceph_conf.write_text(
            f'[global]\nmon_host = {cluster.mon_host}\n'
            f'[client.nova]\nkeyring = {keyring}\n'
        )
        conf = configparser.ConfigParser(interpolation=None)
        conf['DEFAULT'] = {
            'instances_path': str(self.home),
            'state_path': str(self.home),
            'compute_driver': 'libvirt.LibvirtDriver',
            'host': 'host',
        }
        conf['glance'] = {'region_name': keystone.REGION}
        conf['service_user'] = {
            'auth_type': 'password',
            **self.lab.keystone.credentials(keystone.SERVICE),
        }
        conf['libvirt'] = {
            'virt_type': 'qemu',
            'connection_uri': self.lab.libvirt.uri,
            'images_type': 'rbd',
            'images_rbd_pool': POOL,
            'images_rbd_ceph_conf': str(ceph_conf),
            'images_rbd_glance_store_name': self.site,
            'images_rbd_glance_copy_poll_interval': '1',
            'rbd_user': 'nova',
            'rbd_secret_uuid': cluster.state.secret_uuid,
            'rbd_destroy_volume_retries': '2',
            'rbd_destroy_volume_retry_interval': '1',
        }
        for name, value in self.options.items():
            group, _, option = name.rpartition('__')
            group = group or 'libvirt'
            if group not in conf and group != 'DEFAULT':
                conf[group] = {}
            conf[group][option] = str(value)
        path = self.home / 'nova.conf'
        with path.open('w') as stream:
            conf.write(stream)
        return path


def _put_novas_back() -> None:
    for (module, name), stock in _STOCK.items():
        setattr(module, name, stock)


def _remove(ioctx: rados.Ioctx, name: str) -> None:
    with rbd.Image(ioctx, name) as image:
        for snapshot in list(image.list_snaps()):
            if image.is_protected_snap(snapshot['name']):
                image.unprotect_snap(snapshot['name'])
            image.remove_snap(snapshot['name'])
    rbd.RBD().remove(ioctx, name)


def head(disks: Disks, name: str) -> bytes:
    """What a volume begins with: more than the images hold."""
    with disks.opened(name) as volume:
        data: bytes = volume.read(0, 64 * MIB)
        return data


def forbid(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    """Fail where one of *programs* is started."""
    real = subprocess.Popen.__init__

    def start(self: Any, args: Any, *rest: Any, **kwargs: Any) -> None:
        words = args.split() if isinstance(args, str) else list(args)
        started = {Path(str(word)).name for word in words}
        assert not started & set(programs), f'{args} was started'
        real(self, args, *rest, **kwargs)

    monkeypatch.setattr(subprocess.Popen, '__init__', start)
