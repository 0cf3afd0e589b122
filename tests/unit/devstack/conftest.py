# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.devstack.stack import ALL, Node, Outcome


@pytest.fixture
def node_with(tmp_path: Path) -> Callable[..., Node]:
    """Makes the node, with these services and settings."""

    def make(services: str = ALL, **settings: str) -> Node:
        return Node(tmp_path, services, settings)

    return make


@pytest.fixture
def node(node_with: Callable[..., Node]) -> Node:
    """One node with everything on it."""
    return node_with()


@pytest.fixture(scope='module')
def stacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Node, Outcome]:
    """One node after stack.sh, to be looked at only."""
    node = Node(tmp_path_factory.mktemp('stacked'))
    return node, node.stack()
