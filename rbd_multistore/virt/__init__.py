# SPDX-License-Identifier: Apache-2.0
"""libvirt: the storage pool, its secret, and a guest's disk.

The only room that imports libvirt.
"""
