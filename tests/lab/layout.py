# SPDX-License-Identifier: Apache-2.0
"""Where the lab keeps its files.  Pure path arithmetic, no side effects
except :func:`write` and :meth:`Layout.socket_dir`."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

SITES = ('site_a', 'site_b')

#: The kernel's limit for a unix socket's path is 108 bytes with the final
#: zero.  Below the root no socket has a longer name than this one.
LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_SUFFIX = len('/nova/compute-a1/run/libvirt-admin-sock')


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Put ``text`` at ``path`` in one step, so that a kill leaves the old
    file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f'.{path.name}.{os.getpid()}')
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, 'w') as stream:
        stream.write(text)
    scratch.replace(path)


@dataclass(frozen=True)
class Layout:
    """The paths of one lab; ``root`` is its ``.lab`` directory."""

    root: Path

    @classmethod
    def of_checkout(cls, checkout: Path = CHECKOUT) -> 'Layout':
        return cls(checkout / '.lab')

    @property
    def state(self) -> Path:
        return self.root / 'state.json'

    @property
    def lock(self) -> Path:
        return self.root / 'lock'

    @property
    def logs(self) -> Path:
        return self.root / 'log'

    @property
    def pids(self) -> Path:
        return self.root / 'pid'

    @property
    def keystone(self) -> Path:
        return self.root / 'keystone'

    @property
    def glance(self) -> Path:
        return self.root / 'glance'

    @property
    def libvirt(self) -> Path:
        return self.root / 'libvirt'

    @property
    def nova(self) -> Path:
        return self.root / 'nova'

    @property
    def image(self) -> Path:
        return self.root / 'bootable.raw'

    def log(self, daemon: str) -> Path:
        return self.logs / f'{daemon}.log'

    def site(self, name: str) -> Path:
        return self.root / name

    def ceph_conf(self, site: str) -> Path:
        return self.root / f'ceph-{site}.conf'

    def site_conf(self, site: str) -> Path:
        return self.root / f'{site}.conf'

    def openrc(self, person: str) -> Path:
        suffix = '' if person == 'admin' else f'-{person}'
        return self.root / f'openrc{suffix}'

    @property
    def sockets(self) -> Path:
        """The root as unix sockets should name it.

        Usually the root itself.  A checkout so deep that a socket's path
        would be cut by the kernel gets a short symbolic link to it, which
        :meth:`remove_socket_link` takes away again.
        """
        if self._fits():
            return self.root
        link = self._link()
        if not (link.is_symlink() and link.readlink() == self.root):
            link.unlink(missing_ok=True)
            link.symlink_to(self.root)
        return link

    def remove_socket_link(self) -> None:
        if not self._fits():
            self._link().unlink(missing_ok=True)

    def _fits(self) -> bool:
        length = len(os.fsencode(self.root)) + LONGEST_SOCKET_SUFFIX
        return length <= LONGEST_SOCKET_PATH

    def _link(self) -> Path:
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        directory = os.environ.get('XDG_RUNTIME_DIR') or tempfile.gettempdir()
        return Path(directory) / f'rbd-multistore-{digest}'
