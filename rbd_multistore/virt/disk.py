# SPDX-License-Identifier: Apache-2.0
"""The ``<disk>`` element through which a guest uses a volume.

libvirt 9 and 11 refuse ``<disk type='volume'>`` on a pool of type ``rbd``
("using 'rbd' pools for backing 'volume' disks isn't yet supported"), so it
is written as ``type='network'``, from what the pool says.

Source of the form: libvirt's "Domain XML format", and what Nova writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lxml import etree

from rbd_multistore.virt.pool import Host, Secret


@dataclasses.dataclass(frozen=True)
class DiskSource:
    """How QEMU reaches a volume.

    :ivar hosts: the monitors; none: from QEMU's own ceph.conf
    :ivar user: the cephx user without ``client.``; empty: without cephx
    :ivar secret: libvirt's secret with its key
    """

    hosts: Sequence[Host]
    user: str
    secret: Secret | None


def disk_xml(
    source: DiskSource, pool: str, volume: str, target: str, bus: str
) -> str:
    """Return the ``<disk>`` element for ``pool/volume``.

    :param pool: the Ceph pool
    :param target: the guest's name for it, such as ``vda``
    :param bus: ``virtio``, ``ide``, ``scsi``, ...
    """
    disk = etree.Element('disk', type='network', device='disk')
    etree.SubElement(disk, 'driver', name='qemu', type='raw')
    place = etree.SubElement(
        disk, 'source', protocol='rbd', name=f'{pool}/{volume}'
    )
    for host in source.hosts:
        etree.SubElement(place, 'host', _given(name=host.name, port=host.port))
    if source.secret is not None:
        auth = etree.SubElement(disk, 'auth', username=source.user)
        secret = source.secret
        etree.SubElement(
            auth,
            'secret',
            {'type': 'ceph', **_given(uuid=secret.uuid, usage=secret.usage)},
        )
    etree.SubElement(disk, 'target', dev=target, bus=bus)
    return etree.tostring(disk, encoding='unicode', pretty_print=True)


def volume_xml(name: str, size_bytes: int) -> str:
    """Return the XML of a blank volume, for ``virStoragePool.createXML``."""
    volume = etree.Element('volume')
    etree.SubElement(volume, 'name').text = name
    capacity = etree.SubElement(volume, 'capacity', unit='bytes')
    capacity.text = str(size_bytes)
    return etree.tostring(volume, encoding='unicode')


def _given(**attributes: str) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if value}
