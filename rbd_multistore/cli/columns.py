# SPDX-License-Identifier: Apache-2.0
"""Values that people and machines read differently."""

from __future__ import annotations

from typing import Any

from cliff import columns


class Names(columns.FormattableColumn[Any]):
    """A set of names: a list for machines, one line for people."""

    def human_readable(self) -> str:
        """Return them on one line."""
        return ', '.join(sorted(self._value))

    def machine_readable(self) -> list[str]:
        """Return them as a list."""
        return sorted(self._value)


class Lines(columns.FormattableColumn[Any]):
    """Some sentences."""

    def human_readable(self) -> str:
        """Return each on a line."""
        return '\n'.join(self._value)

    def machine_readable(self) -> list[str]:
        """Return them as a list."""
        return list(self._value)


class Verdicts(columns.FormattableColumn[Any]):
    """What became of each location."""

    def human_readable(self) -> str:
        """Return a line for each location."""
        return '\n'.join(
            f'{verdict.location.url} ({verdict.location.store}): '
            f'{verdict.reason or "cloneable here"}'
            for verdict in self._value
        )

    def machine_readable(self) -> list[dict[str, Any]]:
        """Return a mapping for each location."""
        return [
            {
                'url': verdict.location.url,
                'store': verdict.location.store,
                'cloneable': verdict.cloneable,
                'reason': verdict.reason,
            }
            for verdict in self._value
        ]
