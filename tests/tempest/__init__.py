# SPDX-License-Identifier: Apache-2.0
"""Tempest, the OpenStack community's own tests, against the lab with Nova.

``python -m tests.tempest`` runs what ``include.txt`` names and
``exclude.txt`` does not; each of the latter's lines has its reason.
"""
