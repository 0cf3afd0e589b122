# SPDX-License-Identifier: Apache-2.0
"""Tries for real what a site needs, before somebody needs it.

Each check reads the configuration that everything else reads, does the thing
itself, and says what to change where it cannot be done.
"""
