# SPDX-License-Identifier: Apache-2.0
"""The crowds and the rules that are compared."""

from __future__ import annotations

import dataclasses
import enum
import random

from benchmarks.simulation.assumptions import Assumptions


class End(enum.Enum):
    """What became of a boot."""

    #: Its disk is a clone of the image at the site.
    CLONED = 'cloned'
    #: Its disk is a full copy.
    FLAT = 'flat'
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class Boot:
    """An instance that is to boot.

    :ivar at_s: when its compute hears of it
    :ivar compute: the number of the compute, of all sites
    :ivar store: the Glance store of its site
    :ivar image: the number of its image
    """

    at_s: float
    compute: int
    store: str
    image: int


@dataclasses.dataclass(frozen=True)
class Crowd:
    """How much is booted at once.

    :ivar name: for people
    :ivar each: boots for each compute
    :ivar within_s: the computes hear of them within so many seconds
    """

    name: str
    each: int
    within_s: float

    def boots(
        self, numbers: Assumptions, dice: random.Random
    ) -> tuple[Boot, ...]:
        """Return the boots, of images drawn by lot."""
        return tuple(
            Boot(
                at_s=dice.uniform(0.0, self.within_s),
                compute=compute,
                store=f'site-{compute // numbers.computes}',
                image=dice.randrange(numbers.images),
            )
            for compute in range(numbers.sites * numbers.computes)
            for _ in range(self.each)
        )


@dataclasses.dataclass(frozen=True)
class Ours:
    """The options of rbd-multistore, at its defaults.

    :ivar interval_s: ``copy_poll_interval``
    :ivar timeout_s: ``copy_timeout``
    """

    interval_s: float = 15.0
    timeout_s: float = 600.0


@dataclasses.dataclass(frozen=True)
class Nova:
    """Nova's options, at its defaults.

    :ivar interval_s: ``images_rbd_glance_copy_poll_interval``
    :ivar timeout_s: ``images_rbd_glance_copy_timeout``
    :ivar never_download: ``never_download_image_if_on_rbd``
    """

    interval_s: float = 15.0
    timeout_s: float = 600.0
    never_download: bool = False


class Placing(enum.Enum):
    """Whether an operator has the images brought to the sites."""

    NO = enum.auto()
    #: One request an image for the sites that want it, just before the boots.
    WITH_THE_BOOTS = enum.auto()
    #: One request an image for all sites; the boots begin when it is done.
    BEFOREHAND = enum.auto()


@dataclasses.dataclass(frozen=True)
class Variant:
    """What is compared.

    :ivar retry_s: somebody asks for a boot anew, about so long after it
        failed, on any compute of the site; ``None``: nobody does
    """

    name: str
    rules: Ours | Nova
    placing: Placing = Placing.NO
    retry_s: float | None = None


CROWDS = (
    Crowd('1,000 boots within 10 s', each=1, within_s=10.0),
    Crowd('1,000 boots within 0.2 s', each=1, within_s=0.2),
    Crowd('2,000 boots within 10 s', each=2, within_s=10.0),
)
SEEDS = (1, 2, 3)
VARIANTS = (
    Variant('Nova 34, download', Nova()),
    Variant('Nova 34, no download', Nova(never_download=True)),
    Variant('Nova 34, asked anew', Nova(never_download=True), retry_s=60.0),
    Variant('ours, defaults', Ours()),
    Variant('ours, one request', Ours(), Placing.WITH_THE_BOOTS),
    Variant('ours, placed beforehand', Ours(), Placing.BEFOREHAND),
)
