# SPDX-License-Identifier: Apache-2.0
"""What the service user may do, and the smallest policy that lets it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import session as ks_session

from tests.functional.main_job.program import Program, write_conf
from tests.functional.main_job.uploads import Uploads
from tests.lab.lab import Lab

# As the README has it.
SMALLEST_POLICY = """\
fetch_image_location: rule:service_api or service_roles:service
copy_image: rule:context_is_admin or service_roles:service
"""


# As Glance has it where there is no file.
DEFAULT_POLICY = """\
fetch_image_location: rule:service_api
copy_image: rule:context_is_admin
"""


@pytest.fixture
def lean(
    lab: Lab, admin_session: ks_session.Session, tmp_path: Path
) -> Iterator[Path]:
    """The config file of site_a with a service user that has the role
    ``service`` and no other."""
    name, password = f'lean-{uuid.uuid4()}', uuid.uuid4().hex
    with _user(admin_session, name, password):
        base = lab.paths.site_conf('site_a')
        yield write_conf(
            tmp_path / 'lean.conf', base, username=name, password=password
        )


@contextlib.contextmanager
def _user(
    admin: ks_session.Session, name: str, password: str
) -> Iterator[None]:
    keystone = {'service_type': 'identity', 'interface': 'public'}

    def ask(method: str, path: str, **kwargs: Any) -> Any:
        return admin.request(path, method, endpoint_filter=keystone, **kwargs)

    def the(kind: str, named: str) -> str:
        (found,) = ask('GET', f'/{kind}?name={named}').json()[kind]
        return str(found['id'])

    user = {'name': name, 'password': password, 'domain_id': 'default'}
    made = ask('POST', '/users', json={'user': user}).json()['user']['id']
    try:
        ask(
            'PUT',
            f'/projects/{the("projects", "service")}/users/{made}'
            f'/roles/{the("roles", "service")}',
        )
        yield
    finally:
        ask('DELETE', f'/users/{made}')


@pytest.fixture
def smallest_policy(lab: Lab, demo_glance: Any) -> Iterator[None]:
    """Glance with the smallest policy."""
    path = lab.glance.home / 'policy.yaml'
    assert not path.exists()
    try:
        path.write_text(SMALLEST_POLICY)
        yield
    finally:
        # Glance reads a file that has changed at its next request, and keeps
        # what it read of one that is gone.
        path.write_text(DEFAULT_POLICY)
        next(demo_glance.images.list(limit=1), None)
        path.unlink()


def test_without_admin_the_default_policy_refuses_the_copy(
    demo: Program,
    lean: Path,
    upload: Uploads,
    name: str,
    nothing_left: Callable[[], AbstractContextManager[None]],
) -> None:
    image = upload()
    with nothing_left():
        line = demo.with_conf(lean).refused(
            'volume', 'create', name, '--image', image.id
        )
    assert 'copy_image' in line
    assert 'service user' in line


def test_the_smallest_policy_needs_no_admin(
    demo: Program,
    lean: Path,
    upload: Uploads,
    new_name: Callable[[], str],
    smallest_policy: None,
) -> None:
    image = upload()
    program = demo.with_conf(lean)
    first, second = new_name(), new_name()
    missed = program.done('volume', 'create', first, '--image', image.id)
    assert missed['copied'] is True
    assert missed['parent'] == image.parent
    hit = program.done('volume', 'create', second, '--image', image.id)
    assert hit['copied'] is False


def test_a_service_user_without_admin_alone_sees_no_private_image(
    demo: Program, lean: Path, upload: Uploads, name: str
) -> None:
    image = upload()
    nobody = Program(lean, {})
    assert 'not found' in nobody.refused(
        'volume', 'create', name, '--image', image.id
    )
