# SPDX-License-Identifier: Apache-2.0
"""A program of its own: boots as a nova-compute does that uses eventlet.

Its arguments are a config file, a token, Glance's URL and an image. It
prints what came of it as JSON: the volumes, and the longest that another
green thread was kept waiting, in seconds.
"""

from __future__ import annotations

import json
import sys
import uuid

conf_file, token, glance_url, image_id = sys.argv[1:]
sys.argv[1:] = ['--config-file', conf_file]

from rbd_multistore.nova import cmd  # noqa: E402, I001

import eventlet  # noqa: E402
import nova.conf  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova import objects  # noqa: E402
from nova.virt.libvirt import imagebackend  # noqa: E402

from rbd_multistore.nova import process, register, threads  # noqa: E402

assert cmd.main
register.register()
assert threads.is_green()
nova.conf.CONF(sys.argv[1:], project='nova', default_config_dirs=[])
objects.register_all()

gaps = [0.0]


def tick() -> None:
    import time

    last = time.monotonic()
    while True:
        eventlet.sleep(0.01)
        now = time.monotonic()
        gaps.append(now - last)
        last = now


def boot(_number: int) -> tuple[str, int]:
    context = nova_context.RequestContext(
        auth_token=token,
        service_catalog=[
            {
                'type': 'image',
                'name': 'glance',
                'endpoints': [
                    {'region': 'RegionOne', 'internalURL': glance_url}
                ],
            }
        ],
    )
    disk = imagebackend.Rbd(path=f'vms/{uuid.uuid4()}_disk')
    disk.clone(context, image_id)
    return disk.rbd_name, disk.get_disk_size('')


process.kept().cluster.fsid()
ticker = eventlet.spawn(tick)
pool = eventlet.GreenPool()
made = list(pool.imap(boot, range(4)))
ticker.kill()
parents = [str(process.kept().volumes.show(name).parent) for name, _ in made]
process.forget()
sys.__stdout__.write(
    json.dumps({'made': made, 'parents': parents, 'gap_s': max(gaps)})
)
