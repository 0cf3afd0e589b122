# SPDX-License-Identifier: Apache-2.0
"""Configuration files in the form that oslo.config reads."""

from collections.abc import Mapping

Sections = Mapping[str, Mapping[str, str]]


def merged(*parts: Sections) -> dict[str, dict[str, str]]:
    """All of the parts in one; of the same option, the last part's."""
    whole: dict[str, dict[str, str]] = {}
    for part in parts:
        for section, options in part.items():
            whole.setdefault(section, {}).update(options)
    return whole


def text(*parts: Sections) -> str:
    """The file that says what all of the parts say."""
    lines: list[str] = []
    for section, options in merged(*parts).items():
        lines.append(f'[{section}]')
        lines += [f'{name} = {value}' for name, value in options.items()]
    return '\n'.join([*lines, ''])
