# SPDX-License-Identifier: Apache-2.0
"""Processes of their own, on native threads and on eventlet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.functional.main_job.disks import Disks
from tests.functional.main_job.uploads import Uploads
from tests.functional.nova_backend.compute import Compute

ROOT = Path(__file__).parents[3]

REGISTERED = """
import sys
from rbd_multistore.nova import cmd
from nova import monkey_patch
from rbd_multistore.nova import register, threads
from nova.cmd import compute
compute.main = lambda: None
cmd.main()
from nova.virt.libvirt import imagebackend
print(imagebackend.Backend(True).backend('rbd').__module__)
print(threads.is_green(), monkey_patch.is_patched())
"""


def run(*argv: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *argv],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_native_threads() -> None:
    told = run('-c', REGISTERED, OS_NOVA_DISABLE_EVENTLET_PATCHING='true')
    assert told.split() == [
        'rbd_multistore.nova.imagebackend',
        'False',
        'False',
    ]


def test_eventlet() -> None:
    told = run('-c', REGISTERED, OS_NOVA_DISABLE_EVENTLET_PATCHING='false')
    assert told.split() == ['rbd_multistore.nova.imagebackend', 'True', 'True']


def test_version_is_novas() -> None:
    """The program takes Nova's arguments."""
    told = run(
        '-c',
        'import sys; sys.argv[1:] = ["--version"]; '
        'from rbd_multistore.nova.cmd import main; main()',
    )
    assert told.strip()[0].isdigit()


CALLED = """
import sys
sys.argv[0] = '/usr/bin/rbd-multistore-nova-compute'
from rbd_multistore.nova import cmd
from nova.cmd import compute
import nova.conf
from oslo_log import log

def main():
    log.register_options(nova.conf.CONF)
    nova.conf.CONF([], project='nova', default_config_files=[])
    nova.conf.CONF.set_override('log_dir', sys.argv[1])
    log.setup(nova.conf.CONF, 'nova')
    log.getLogger('nova').error('seen')
    print(nova.conf.CONF.prog)

compute.main = main
cmd.main()
"""


def test_files_are_named_as_novas(tmp_path: Path) -> None:
    """What reads nova-compute.conf and nova-compute.log finds them."""
    told = run('-c', CALLED, str(tmp_path))
    assert told.split() == ['nova-compute']
    (log,) = tmp_path.iterdir()
    assert log.name == 'nova-compute.log'
    assert 'seen' in log.read_text()


def test_without_nova() -> None:
    """The rest of the package does not need it."""
    run(
        '-c',
        'import sys; sys.modules["nova"] = None; '
        'import rbd_multistore.nova, rbd_multistore.cli.main, '
        'rbd_multistore.site',
    )


def test_boots_under_eventlet(
    ours: Compute,
    upload: Uploads,
    demo_session: Any,
    disks_a: Disks,
) -> None:
    """Four at once on a miss; nobody else is kept waiting for Ceph."""
    image = upload()
    told = json.loads(
        run(
            '-m',
            'tests.functional.nova_backend.green_host',
            str(ours.home / 'nova.conf'),
            demo_session.get_token(),
            ours.lab.glance.url,
            image.id,
            OS_NOVA_DISABLE_EVENTLET_PATCHING='false',
        )
    )
    for name, size in told['made']:
        assert size == len(image.data)
        disks_a.remove(name)
    assert told['parents'] == [image.parent] * 4
    assert told['gap_s'] < 0.5
