# SPDX-License-Identifier: Apache-2.0
"""The rows of a server's life that Nova's own nova-compute can do, too: the
very same tests, with a Glance that is opened for it.

Left out: what ours alone does (test_stock.py has Nova's own answer), and
``test_deleted_while_it_waits``, as Nova's own waits for the copy to its end.
"""

import pytest

from tests.functional.nova.test_life import (  # noqa: F401
    test_ephemeral_swap_and_config_drive,
    test_hard_reboot,
    test_rebuild,
    test_rescue,
    test_shelve,
)
from tests.functional.nova.test_move import (  # noqa: F401
    test_cold_migration,
    test_live_migration,
    test_resize_and_confirm,
    test_resize_and_revert,
)
from tests.functional.nova.test_snapshot import (  # noqa: F401
    test_snapshot_here_boots_there,
)

pytest_plugins = ['tests.functional.nova.life_fixtures']
pytestmark = pytest.mark.usefixtures('pools_as_before', 'novas_own', 'opened')
