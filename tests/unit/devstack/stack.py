# SPDX-License-Identifier: Apache-2.0
"""Nodes that DevStack is run on, without DevStack; see ``stand_ins.sh``."""

from __future__ import annotations

import configparser
import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.devstack import recorded

TOP = Path(__file__).resolve().parents[3]
PLUGIN = TOP / 'devstack'
STAND_INS = Path(__file__).with_name('stand_ins.sh')

STACK = (
    'override-defaults',
    'settings',
    'stack pre-install',
    'stack install',
    'stack post-config',
    'start-nova-compute',
    'stack extra',
    'stack test-config',
)
UNSTACK = ('override-defaults', 'settings', 'unstack')
# clean.sh reads no override-defaults.
CLEAN = ('settings', 'clean')

CONTROLLER = 'keystone,g-api,n-api'
COMPUTE = 'n-cpu'
ALL = f'{CONTROLLER},{COMPUTE}'

# Nothing else can be called: what is no function of the stand-ins, and no
# built-in, is one of these.
PROGRAMS = (
    *('cp', 'dirname', 'grep', 'install', 'mkdir', 'readlink', 'rm'),
    *('sh', 'tee'),
)

# What python-openstackclient 8 prints with `-f value -c status`, and with
# `-f value -c disk_format -c properties`.
IMAGE = {
    'status': 'active',
    'disk_format': 'raw',
    'properties': "{'os_hidden': False, 'stores': 'cheap'}",
}

FAKE = """\
#!/bin/bash
printf '%s\\x1f' {name} "$@" >>"$JOURNAL"
printf '\\x1e' >>"$JOURNAL"
{body}
"""
OPENSTACK = """\
while (($# > 0)); do
    if [[ "$1" == -c ]]; then
        name=IMAGE_$2
        echo "${!name}"
    fi
    shift
done
"""
CHECK = 'exit "${CHECK_STATUS:-0}"\n'

# As devstack-plugin-ceph and DevStack itself leave them before our phase.
GLANCE_API_CONF = """\
[DEFAULT]
debug = True
show_multiple_locations = True
enabled_backends = robust_rbd:rbd,fast:file
[glance_store]
default_backend = robust_rbd
[robust_rbd]
rbd_store_pool = images
[database]
connection = mysql://nobody
"""
IMAGE_IMPORT_CONF = """\
[image_import_opts]
image_import_plugins = []
"""
NOVA_CONF = """\
[DEFAULT]
debug = True
[libvirt]
virt_type = qemu
inject_key = false
"""


@dataclass(frozen=True)
class Outcome:
    """What some steps came to.

    :ivar calls: each call of a function of DevStack's, in order: its name
        and its arguments
    :ivar said: what was printed, on stdout and stderr
    """

    status: int
    calls: Sequence[tuple[str, ...]]
    said: str

    def of(self, name: str) -> list[list[str]]:
        """Return the arguments of each call of one function."""
        return [list(call[1:]) for call in self.calls if call[0] == name]

    @property
    def refusal(self) -> str:
        """What ``die`` said."""
        assert self.status == 1, self.said
        ((_, *words),) = self.of('die')
        return ' '.join(words)


@dataclass(frozen=True)
class Node:
    """A machine with DevStack on it.

    :ivar home: holds all that it writes
    :ivar services: those that are enabled
    :ivar settings: of its local.conf, or in place of DevStack's own
    """

    home: Path
    services: str = ALL
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('etc/glance', 'etc/nova', 'etc/ceph2', 'bin', 'data'):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self._make_programs()

    @property
    def glance_api_conf(self) -> Path:
        return self.home / 'etc/glance/glance-api.conf'

    @property
    def image_import_conf(self) -> Path:
        return self.home / 'etc/glance/glance-image-import.conf'

    @property
    def policy(self) -> Path:
        return self.home / 'etc/glance/policy.d/rbd-multistore.yaml'

    @property
    def nova_conf(self) -> Path:
        return self.home / 'etc/nova/nova.conf'

    @property
    def nova_cpu_conf(self) -> Path:
        return self.home / 'etc/nova/nova-cpu.conf'

    @property
    def units(self) -> Path:
        return self.home / 'etc/systemd'

    @property
    def drop_in(self) -> Path:
        return self.units / 'devstack@n-cpu.service.d/rbd-multistore.conf'

    @property
    def ceph2_conf(self) -> Path:
        return self.home / 'etc/ceph2/ceph.conf'

    def configure_services(self) -> None:
        """Write what others write before our phase."""
        if 'g-api' in self.services:
            self.glance_api_conf.write_text(GLANCE_API_CONF)
            self.image_import_conf.write_text(IMAGE_IMPORT_CONF)
        self.nova_conf.write_text(NOVA_CONF)
        self.ceph2_conf.write_text('[global]\nfsid = second\n')

    def stack(self, **environ: str) -> Outcome:
        """Run stack.sh's phases, which must succeed."""
        self.configure_services()
        outcome = self.run(*STACK, **environ)
        assert outcome.status == 0, outcome.said
        return outcome

    def run(self, *steps: str, **environ: str) -> Outcome:
        journal = self.home / 'journal'
        journal.write_text('')
        done = subprocess.run(
            ['/bin/bash', str(STAND_INS), *steps],
            env={**self._environ(), 'JOURNAL': str(journal), **environ},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        calls = [
            tuple(call.rstrip('\x1f').split('\x1f'))
            for call in journal.read_text().split('\x1e')[:-1]
        ]
        return Outcome(done.returncode, calls, done.stdout)

    def _environ(self) -> dict[str, str]:
        return {
            'PATH': str(self.home / 'bin'),
            'PLUGIN': str(PLUGIN),
            'FUNCTIONS': '\n'.join(
                f'{function.name} {function.least} {function.most}'
                for function in recorded.functions()
            ),
            'KEYSTONEAUTH': '\n'.join(
                f'{option} {value}'
                for option, value in recorded.RECORDED['keystoneauth'].items()
            ),
            'ENABLED_SERVICES': self.services,
            'CEPH_SERVICES': 'glance,nova',
            'BASH_ENV': '',
            **{f'IMAGE_{name}': value for name, value in IMAGE.items()},
            **self._variables(),
            **self.settings,
        }

    def _variables(self) -> dict[str, str]:
        """Return what DevStack and devstack-plugin-ceph have set."""
        etc = self.home / 'etc'
        values = {
            'CEPH2_CONFIG': f'{etc}/ceph2/ceph.conf',
            'CEPH2_CONF_DIR': f'{etc}/ceph2',
            'CEPH2_CONF_FILE': str(self.ceph2_conf),
            'CEPH2_FSID': '22222222-2222-2222-2222-222222222222',
            'CEPH2_KEYRING': f'{etc}/ceph2/ceph.client.admin.keyring',
            'CEPHADM': '/usr/bin/cephadm',
            'CEPH_CONF_FILE': '/etc/ceph/ceph.conf',
            'CINDER_CEPH_USER': 'cinder',
            'CINDER_CEPH_UUID': '11111111-1111-1111-1111-111111111111',
            'CONTAINER_IMAGE': 'quay.io/ceph/ceph:v20',
            'DEFAULT_IMAGE_NAME': 'cirros-0.6.3-x86_64-disk',
            'DEFAULT_PG_NUM': '8',
            'GLANCE_API_CONF': str(self.glance_api_conf),
            'GLANCE_CEPH_POOL': 'images',
            'GLANCE_CEPH_USER': 'glance',
            'GLANCE_CONF_DIR': f'{etc}/glance',
            'GLANCE_IMAGE_IMPORT_CONF': str(self.image_import_conf),
            'GLANCE_MULTISTORE_FILE_IMAGE_DIR': f'{self.home}/data/glance',
            'IMAGE_URLS': 'https://example.org/cirros-0.6.3-x86_64-disk.img',
            'MULTI_CEPH': 'False',
            'NOVA_BIN_DIR': '/opt/stack/data/venv/bin',
            'NOVA_CEPH_POOL': 'vms',
            'NOVA_CONF': str(self.nova_conf),
            'NOVA_CPU_CONF': str(self.nova_cpu_conf),
            'REGION_NAME': 'RegionOne',
            'SSL_BUNDLE_FILE': '/opt/stack/data/ca-bundle.pem',
            'STACK_USER': getpass.getuser(),
            'SYSTEMCTL': 'sudo systemctl',
            'SYSTEMD_DIR': str(self.units),
            'VIRT_DRIVER': 'libvirt',
        }
        # DevStack has not set it before override-defaults is read.
        overridden = set(recorded.RECORDED['overridden'])
        wanted = set(recorded.RECORDED['variables']) - overridden
        assert set(values) == wanted
        return {
            **values,
            'KEYSTONE_SERVICE_URI': 'http://203.0.113.5/identity',
            'SERVICE_DOMAIN_NAME': 'Default',
            'SERVICE_PASSWORD': 'secret',
            'SERVICE_PROJECT_NAME': 'service',
        }

    def _make_programs(self) -> None:
        directory = self.home / 'bin'
        for name in PROGRAMS:
            link = directory / name
            if not link.exists():
                link.symlink_to(str(shutil.which(name)))
        for name, body in (('openstack', OPENSTACK), ('runuser', CHECK)):
            path = directory / name
            path.write_text(FAKE.format(name=name, body=body))
            path.chmod(0o755)


def parsed(path: Path) -> configparser.ConfigParser:
    """Read a config file as oslo.config would, refusing duplicates."""
    conf = configparser.ConfigParser(
        interpolation=None, default_section='no-such-section'
    )
    conf.read_string(path.read_text())
    return conf


def files(directory: Path) -> dict[str, str]:
    """Return what is in each file below *directory* that we may write."""
    found = {}
    for parent, _, names in os.walk(directory / 'etc'):
        for name in names:
            path = Path(parent, name)
            # An empty section is as good as none.
            text = re.sub(r'(?m)^\[[^]]+\]\n+(?=\[|\Z)', '', path.read_text())
            found[str(path.relative_to(directory))] = text.strip()
    return found
