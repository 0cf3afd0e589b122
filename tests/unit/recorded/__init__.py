# SPDX-License-Identifier: Apache-2.0
"""What real services answered, each file with its service and release.

``glance-33/*.json`` and ``keystone-30/*.json`` hold a request, its answer,
and what was seen at that moment; ``ceph-16/*.json`` what the monitors
answer; ``libvirt-9/*.xml`` what libvirt's ``XMLDesc`` gives. Hosts and paths
are replaced by usual ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def answer(name: str) -> dict[str, Any]:
    """Return one recorded HTTP answer: status, content_type, body."""
    document = json.loads((HERE / f'{name}.json').read_text())
    return dict(document['answer'])


def body(name: str) -> Any:
    """Return the decoded body of one recorded HTTP answer."""
    return answer(name)['body']


def raw(name: str) -> bytes:
    """Return a recorded file as it is."""
    return (HERE / name).read_bytes()


def text(name: str) -> str:
    """Return a recorded file as text."""
    return raw(name).decode()
