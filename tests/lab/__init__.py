# SPDX-License-Identifier: Apache-2.0
"""The lab: two Ceph clusters, Keystone, Glance and a private libvirt.

Everything runs as plain processes of whoever calls it, from one checkout, with
all its files in that checkout's ``.lab/``.  ``python -m tests.lab up`` brings
it up, :mod:`tests.lab.fixtures` hands it to functional tests.
"""
