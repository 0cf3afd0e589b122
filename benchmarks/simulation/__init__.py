# SPDX-License-Identifier: Apache-2.0
"""What a thousand computes do to one Glance.

``python -m benchmarks.simulation``; no lab is needed. Time is simulated
(simpy). What decides when to look, when to ask and when to give up is the
project's own code, ``rbd_multistore.copying.machine`` and ``pace``.

=================  ========================================================
``assumptions``    every number that goes in, and where it comes from
``uplink``         the way from the central site to all others, shared
``glance``         its API, its lock an image, its copies
``ours``           a boot by the rules of rbd-multistore
``upstream``       a boot by the rules of Nova 34
``scenarios``      the crowds and the rules that are compared
``outcome``        one run, and what it came to
``report``         the tables
``chart``          the same as a picture
=================  ========================================================
"""
