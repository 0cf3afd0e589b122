# SPDX-License-Identifier: Apache-2.0
"""A MariaDB of the lab's own: SQLite does not serve several processes that
write at once, which Nova's are."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab import layout, process, wait
from tests.lab.nova import serving, state

USER = 'lab'

DATABASES = ('neutron', 'nova', 'nova_api', 'nova_cell0', 'placement')

#: Small, and nothing is synced: what it holds survives a kill, and need not
#: survive a power cut.  One file for all tables makes Neutron's migrations
#: take 5 s in place of 29 s.
CONF = """\
[mariadbd]
user = root
datadir = {home}/data
socket = {socket}
pid_file = {home}/mariadbd.pid
bind_address = 127.0.0.1
port = {port}
character_set_server = utf8mb4
max_connections = 400
skip_name_resolve = on
performance_schema = off
innodb_buffer_pool_size = 128M
innodb_log_file_size = 32M
innodb_flush_log_at_trx_commit = 2
innodb_flush_method = nosync
innodb_file_per_table = off
"""


@dataclass(frozen=True)
class Mariadb:
    paths: layout.Layout
    state: state.NovaState

    @property
    def home(self) -> Path:
        return self.paths.nova / 'mariadb'

    @property
    def socket(self) -> Path:
        return self.paths.sockets / 'nova' / 'mariadb' / 'socket'

    @property
    def server(self) -> str:
        """``user:password@host:port``."""
        password = self.state.passwords['mariadb']
        return f'{USER}:{password}@127.0.0.1:{self.state.ports["mariadb"]}'

    def url(self, database: str) -> str:
        """As SQLAlchemy takes it."""
        return f'mysql+pymysql://{self.server}/{database}?charset=utf8mb4'

    @property
    def log(self) -> Path:
        return self.daemon.log

    @property
    def daemon(self) -> process.Daemon:
        return process.Daemon(
            name='mariadb',
            command=['/usr/sbin/mariadbd', f'--defaults-file={self._conf}'],
            pid_file=self.paths.pids / 'mariadb.json',
            log=self.paths.log('mariadb'),
        )

    def daemons(self) -> list[process.Daemon]:
        return [self.daemon]

    def up(self) -> None:
        """Make it, start it, and make the databases in it."""
        conf = CONF.format(
            home=self.home,
            socket=self.socket,
            port=self.state.ports['mariadb'],
        )
        layout.write(self._conf, conf)
        self._make()
        serving.serve(self.daemon, conf)
        wait.until(
            self._answers,
            'answer of mariadb',
            timeout_s=120,
            ignore=(process.Failed,),
        )
        self.run(*self._databases())

    def start(self) -> None:
        self.up()

    def stop(self) -> None:
        self.daemon.stop()

    def down(self) -> None:
        self.stop()

    def kill(self) -> None:
        self.daemon.kill()

    def run(self, *statements: str) -> None:
        """Run statements as its administrator."""
        script = self.home / 'statements.sql'
        layout.write(script, ''.join(f'{one};\n' for one in statements))
        process.run(
            ['mariadb', '--no-defaults', f'--socket={self.socket}']
            + ['-e', f'source {script}'],
            self.paths.log('mariadb-make'),
        )

    @property
    def _conf(self) -> Path:
        return self.home / 'mariadb.conf'

    def _make(self) -> None:
        done = self.home / 'made'
        if done.exists():
            return
        data = self.home / 'data'
        shutil.rmtree(data, ignore_errors=True)
        process.run(
            ['mariadb-install-db', f'--defaults-file={self._conf}']
            + ['--auth-root-authentication-method=socket']
            + ['--skip-test-db', '--skip-name-resolve', '--user=root']
            # Also where nobody knows this machine's name.
            + ['--force'],
            self.paths.log('mariadb-make'),
        )
        layout.write(done, '')

    def _databases(self) -> list[str]:
        password = self.state.passwords['mariadb']
        user = f"'{USER}'@'127.0.0.1'"
        statements = [
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}'"
        ]
        for name in DATABASES:
            statements += [
                f'CREATE DATABASE IF NOT EXISTS {name} '
                'CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
                f'GRANT ALL ON {name}.* TO {user}',
            ]
        return statements

    def _answers(self) -> bool:
        self.daemon.require()
        self.run('SELECT 1')
        return True
