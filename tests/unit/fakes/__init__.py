# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the C bindings, with their state in memory.

``rados``, ``rbd`` and ``libvirt`` here are what the library imports in the
unit tests, on every machine, whether it has the real ones or not: a test
that means one thing here and another there would be worth little, and the
real classes cannot work on memory.

What keeps them honest: they raise the real classes' names, trees and error
numbers (``tests/functional/test_contracts.py`` compares them), and the
volumes of the lab's clusters pass the same tests as those in memory
(``tests/unit/ceph/volumes_contract.py``).
"""
