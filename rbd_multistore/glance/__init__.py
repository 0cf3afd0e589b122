# SPDX-License-Identifier: Apache-2.0
"""Keystone and Glance: which image, where it is, and copy it there.

The only room that imports keystoneauth1, openstacksdk and glanceclient.
"""
