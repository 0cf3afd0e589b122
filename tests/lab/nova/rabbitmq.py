# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the lab's own, with an epmd of its own: the machine's, if
there is one, keeps its nodes, its port and its cookie."""

import socket
from dataclasses import dataclass
from pathlib import Path

from tests.lab import layout, process, wait
from tests.lab.nova import serving, state

USER = 'lab'

PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server'

CONF = """\
listeners.tcp.default = 127.0.0.1:{port}
default_user = lab
default_pass = {password}
loopback_users = none
log.console = true
log.console.level = info
log.file = false
# A lab shares its machine, and stores next to nothing.
vm_memory_high_watermark.absolute = 1GiB
disk_free_limit.absolute = 50MB
"""

#: How it finds its own node, also on a machine without /etc/hosts.
NAMES = """\
{host, {127,0,0,1}, ["localhost"]}.
{lookup, [file, native]}.
"""

#: One scheduler that does not spin while it waits; nodes on the loopback
#: address; and no shell on standard input.
ERL_ARGS = (
    '+S 1:1 +SDcpu 1 +SDio 4 +sbwt none +sbwtdcpu none +sbwtdio none '
    '-kernel inet_dist_use_interface {127,0,0,1} -noinput'
)


@dataclass(frozen=True)
class Rabbitmq:
    paths: layout.Layout
    state: state.NovaState

    @property
    def home(self) -> Path:
        return self.paths.nova / 'rabbitmq'

    @property
    def url(self) -> str:
        """As oslo.messaging takes it."""
        password = self.state.passwords['rabbitmq']
        return f'rabbit://{USER}:{password}@127.0.0.1:{self._port}/'

    @property
    def log(self) -> Path:
        return self.daemon.log

    @property
    def daemon(self) -> process.Daemon:
        return self._daemon('rabbitmq', [PROGRAM])

    def daemons(self) -> list[process.Daemon]:
        epmd = ['epmd', '-port', str(self.state.ports['epmd'])]
        return [
            self._daemon('epmd', [*epmd, '-address', '127.0.0.1']),
            self.daemon,
        ]

    def up(self) -> None:
        password = self.state.passwords['rabbitmq']
        conf = CONF.format(port=self._port, password=password)
        layout.write(self.home / 'rabbitmq.conf', conf)
        layout.write(self.home / 'enabled_plugins', '[].\n')
        layout.write(self.home / 'env.conf', '')
        layout.write(self.home / 'inetrc', NAMES)
        for daemon in self.daemons():
            serving.serve(daemon, conf, ERL_ARGS, NAMES)
        wait.until(
            self._answers,
            'answer of rabbitmq',
            timeout_s=120,
            # While it starts it may take a connection and drop it.
            ignore=(OSError,),
        )

    def start(self) -> None:
        self.up()

    def stop(self) -> None:
        self.daemon.stop()

    def down(self) -> None:
        for daemon in reversed(self.daemons()):
            daemon.stop()

    def kill(self) -> None:
        self.daemon.kill()

    @property
    def _port(self) -> int:
        return self.state.ports['rabbitmq']

    def _daemon(self, name: str, command: list[str]) -> process.Daemon:
        return process.Daemon(
            name=name,
            command=command,
            pid_file=self.paths.pids / f'{name}.json',
            log=self.paths.log(name),
            environ={
                # Where the cookie is made.
                'HOME': str(self.home),
                'ERL_CRASH_DUMP': str(self.home / 'erl_crash.dump'),
                'ERL_INETRC': str(self.home / 'inetrc'),
                'ERL_EPMD_ADDRESS': '127.0.0.1',
                'ERL_EPMD_PORT': str(self.state.ports['epmd']),
                # The process is the server itself, not a shell around it.
                'RABBITMQ_ALLOW_INPUT': '1',
                'RABBITMQ_CONF_ENV_FILE': str(self.home / 'env.conf'),
                'RABBITMQ_CONFIG_FILE': str(self.home / 'rabbitmq.conf'),
                'RABBITMQ_DIST_PORT': str(self.state.ports['rabbitmq-nodes']),
                'RABBITMQ_ENABLED_PLUGINS_FILE': str(
                    self.home / 'enabled_plugins'
                ),
                'RABBITMQ_LOG_BASE': str(self.home / 'log'),
                'RABBITMQ_MNESIA_BASE': str(self.home / 'mnesia'),
                'RABBITMQ_NODENAME': 'lab@localhost',
                'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': ERL_ARGS,
            },
        )

    def _answers(self) -> bool:
        """It says what it is only when it serves."""
        self.daemon.require()
        with socket.socket() as probe:
            probe.settimeout(10)
            probe.connect(('127.0.0.1', self._port))
            probe.sendall(b'AMQP\0\0\x09\x01')
            return bool(probe.recv(1))
