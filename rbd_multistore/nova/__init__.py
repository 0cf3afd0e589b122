# SPDX-License-Identifier: Apache-2.0
"""Plugged into nova-compute, with no file of Nova's edited.

The only room that imports Nova. ``register`` puts our classes in the place
of Nova's own, and ``cmd`` does that and hands over to Nova's program.
"""
