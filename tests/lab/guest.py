# SPDX-License-Identifier: Apache-2.0
"""Boots an emulated guest from a ``<disk>`` element and reads what it says on
its serial port."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import libvirt

from tests.lab import image, wait

#: ``type='qemu'`` is emulation: slow, and there on every machine.
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>
  </features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    {disk}
    <serial type='file'>
      <source path='{serial}'/>
      <target port='0'/>
    </serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def boot(
    uri: str,
    disk_xml: str,
    directory: Path,
    *,
    last_line: str = image.WRITTEN,
    timeout_s: float = 120.0,
) -> list[str]:
    """Boot from the disk and return the lines that the guest printed.

    The guest is gone afterwards, whatever happens.

    :param uri: libvirt's.
    :param disk_xml: a whole ``<disk>`` element.
    :param directory: where the serial port's output is kept meanwhile.
    :param last_line: the line that ends the wait for more.
    :raises wait.TimedOut: without that line, after ``timeout_s`` seconds; its
        text holds what was printed.
    """
    name = f'lab-{uuid.uuid4().hex[:12]}'
    serial = directory / f'{name}.serial'
    xml = DOMAIN.format(name=name, disk=disk_xml, serial=serial)
    try:
        with _running(uri, xml):
            return _lines_until(serial, last_line, timeout_s)
    finally:
        serial.unlink(missing_ok=True)


@contextlib.contextmanager
def _running(uri: str, xml: str) -> Iterator[None]:
    """A transient guest: libvirt forgets it when it ends."""
    connection = libvirt.open(uri)
    try:
        domain = connection.createXML(xml)
        try:
            yield
        finally:
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()
    finally:
        connection.close()


def _lines_until(serial: Path, last: str, timeout_s: float) -> list[str]:
    def printed() -> list[str]:
        text = serial.read_text(errors='replace') if serial.exists() else ''
        return text.splitlines()

    def finished() -> bool:
        return any(line.startswith(image.NOT_WRITTEN) for line in printed())

    try:
        wait.until(
            lambda: last in printed() or finished(),
            f'line {last!r}',
            timeout_s=timeout_s,
        )
    except wait.TimedOut as exc:
        raise wait.TimedOut(f'{exc}; printed: {printed()}') from exc
    return printed()
