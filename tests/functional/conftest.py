# SPDX-License-Identifier: Apache-2.0
"""Functional tests run on the lab."""

from tests.lab.fixtures import (  # noqa: F401
    admin_glance,
    admin_session,
    bootable,
    demo_glance,
    demo_session,
    lab,
    lab_images,
    module_images,
    nothing_left,
    service_glance,
    service_session,
    site_a,
    site_b,
    small_qcow2,
    small_raw,
    unique,
)
