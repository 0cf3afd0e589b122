# SPDX-License-Identifier: Apache-2.0
"""The Ceph cluster of this site.

The only room that imports librados and librbd. No program is ever started.
"""
