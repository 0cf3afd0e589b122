# SPDX-License-Identifier: Apache-2.0
"""A Nova beside the lab's other services, with three computes at two sites.

``python -m tests.lab up-nova`` brings it up, :class:`tests.lab.nova.lab.
NovaLab` is what tests are handed.
"""
