# SPDX-License-Identifier: Apache-2.0
"""The services' databases: SQLite files that several threads write to."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy

from tests.lab import ini

#: Seconds a writer waits for another one.
BUSY_TIMEOUT_S = 60


def conf(path: Path) -> ini.Sections:
    """Where a service finds its database.  Nothing there must survive a
    power cut, so nothing is synced."""
    return {
        'database': {
            'connection': f'sqlite:///{path}?timeout={BUSY_TIMEOUT_S}',
            'sqlite_synchronous': 'false',
        }
    }


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
