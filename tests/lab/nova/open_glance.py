# SPDX-License-Identifier: Apache-2.0
"""The lab's Glance a second time, as an API that shows the locations of an
image to everybody who may see it: without that, a stock Nova never clones.

It has the same database and the same stores, and runs only where a test
starts it.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.lab import glance, ini, layout, process, service
from tests.lab.nova import serving


@dataclass(frozen=True)
class OpenGlance:
    glance: glance.Glance
    port: int

    @property
    def home(self) -> Path:
        return self.glance.paths.nova / 'open-glance'

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def service(self) -> service.Service:
        return service.Service(
            name='open-glance',
            module='glance.wsgi.api',
            port=self.port,
            home=self.home,
            paths=self.glance.paths,
            environ={'OS_GLANCE_CONFIG_DIR': str(self.home)},
            stop_timeout_s=120,
        )

    def daemons(self) -> list[process.Daemon]:
        """None that must run."""
        return []

    def start(self) -> None:
        own: ini.Sections = {
            'DEFAULT': {
                'show_multiple_locations': 'true',
                'worker_self_reference_url': self.url,
                'bind_port': str(self.port),
            }
        }
        conf = ini.text(self.glance.sections(), own)
        layout.write(self.home / 'glance-api.conf', conf)
        serving.serve(self.service.daemon, conf)
        self.service.wait()

    def stop(self) -> None:
        self.service.stop()

    def down(self) -> None:
        self.stop()
