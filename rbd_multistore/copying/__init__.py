# SPDX-License-Identifier: Apache-2.0
"""Bring an image to a store: ask Glance to copy it, and follow the copy.

``machine`` decides what is to be done next, from what Glance shows, and
``pace`` when to look again: both are pure. ``progress`` says how far a copy
is. ``copier`` does the asking, looking and waiting; ``sharing`` lets callers
in one process share it.
"""
