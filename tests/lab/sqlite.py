# SPDX-License-Identifier: Apache-2.0
"""The services' databases: SQLite files that several threads write to."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy

#: Seconds a writer waits for another one.
BUSY_TIMEOUT_S = 60

#: Section of a service's configuration.  Nothing here must survive a power
#: cut, so nothing is synced.
CONF = """\
[database]
connection = sqlite:///{path}?timeout={timeout}
sqlite_synchronous = false
"""


def conf(path: Path) -> str:
    return CONF.format(path=path, timeout=BUSY_TIMEOUT_S)


def let_readers_pass(path: Path) -> None:
    """Write-ahead logging: readers and a writer do not block each other.
    The database remembers it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute('PRAGMA journal_mode = WAL')


def begin_as_writers() -> None:
    """Make every transaction of this process take its turn as a writer.

    oslo.db begins them as readers.  One that reads and then writes fails at
    once with ``database is locked`` if another one wrote in between, whatever
    the busy timeout is, where a server's database would wait.
    """
    sqlalchemy.event.listen(
        sqlalchemy.Engine, 'before_cursor_execute', _begin, retval=True
    )


def _begin(
    connection: Any,
    cursor: Any,
    statement: str,
    parameters: Any,
    context: Any,
    executemany: bool,
) -> tuple[str, Any]:
    if statement == 'BEGIN':
        statement = 'BEGIN IMMEDIATE'
    return statement, parameters
