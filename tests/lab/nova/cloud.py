# SPDX-License-Identifier: Apache-2.0
"""What the lab's Nova offers: flavors, and an availability zone a site."""

from dataclasses import dataclass
from typing import Any

from openstack import connection

from tests.lab import wait
from tests.lab.nova import state


@dataclass(frozen=True)
class Flavor:
    """Its name is its id, too; sizes in MiB and GiB as Nova has them."""

    name: str
    ram_mib: int = 64
    disk_gib: int = 1
    ephemeral_gib: int = 0
    swap_mib: int = 0


#: As small as QEMU without KVM wants them.
TINY = Flavor('tiny')
BIGGER = Flavor('bigger', ram_mib=96, disk_gib=2)
DISKS = Flavor('disks', ephemeral_gib=1, swap_mib=64)

FLAVORS = (TINY, BIGGER, DISKS)


@dataclass(frozen=True)
class Cloud:
    """
    :ivar admin: an administrator's connection.
    """

    admin: connection.Connection

    def fill(self) -> None:
        """Bring what it offers to what the lab wants; the computes run."""
        compute: Any = self.admin.compute
        there = {flavor.id for flavor in compute.flavors()}
        for flavor in FLAVORS:
            if flavor.name not in there:
                self._create_flavor(flavor)
        aggregates = {found.name: found for found in compute.aggregates()}
        for site in dict.fromkeys(state.COMPUTES.values()):
            hosts = {n for n, s in state.COMPUTES.items() if s == site}
            self._ensure_zone(site, hosts, aggregates.get(site))

    def wait_for_services(self, timeout_s: float = 180.0) -> None:
        """Until each of Nova's services has reported."""
        wanted = {
            ('nova-conductor', 'control'),
            ('nova-scheduler', 'control'),
            *(('nova-compute', name) for name in state.COMPUTES),
        }

        def all_up() -> bool:
            up = {
                (service.binary, service.host)
                for service in self.admin.compute.services()
                if service.state == 'up'
            }
            return wanted <= up

        wait.until(
            all_up,
            "report of Nova's services",
            timeout_s=timeout_s,
            pause_s=0.5,
        )

    def wait_for_hosts(self, timeout_s: float = 120.0) -> None:
        """Until the scheduler has discovered each compute; before that, a
        server on it fails: the host "is not mapped to any cell"."""
        compute: Any = self.admin.compute

        def all_mapped() -> bool:
            # Nova lists none that is not.
            found = {one.name for one in compute.hypervisors()}
            return set(state.COMPUTES) <= found

        wait.until(
            all_mapped,
            'computes in cell1',
            timeout_s=timeout_s,
            pause_s=0.5,
        )

    def _create_flavor(self, flavor: Flavor) -> None:
        compute: Any = self.admin.compute
        compute.create_flavor(
            id=flavor.name,
            name=flavor.name,
            vcpus=1,
            ram=flavor.ram_mib,
            disk=flavor.disk_gib,
            ephemeral=flavor.ephemeral_gib,
            swap=flavor.swap_mib,
        )

    def _ensure_zone(self, site: str, hosts: set[str], found: Any) -> None:
        compute: Any = self.admin.compute
        if found is None:
            found = compute.create_aggregate(name=site, availability_zone=site)
        for host in sorted(hosts - set(found.hosts or ())):
            compute.add_host_to_aggregate(found, host)
