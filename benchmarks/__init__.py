# SPDX-License-Identifier: Apache-2.0
"""How fast a volume is made: here, by Nova, and by librbd with nothing around
it. All of them in one run, on the lab, taking turns.

=================  ========================================================
``contender``      what is measured: somebody who makes a volume
``floor``          librbd, and nothing around it
``ours``           rbd-multistore, from its configuration file on
``upstream``       Nova's own ``imagebackend.Rbd``
``measure``        taking turns, and the clock
``cost``           what a volume costs, in numbers of no machine
``stage``          the lab: the image, and the volumes that are swept away
``crowd``          a second pool, with thousands of volumes in it
``hit``            the image is in the cluster already
``miss``           the image is elsewhere, and has to be copied
``listing``        thousands of volumes are listed
``waiters``        many threads want an image that has to be copied
``boot``           boot to ACTIVE in a whole Nova; has a command of its own
``figures``        what samples come to: medians, ratios, goals
``report``         the table for people, the JSON for machines
=================  ========================================================
"""
