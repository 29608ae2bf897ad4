"""Is a weakness the data's or this network's own? The data's, sound twins share; a planted trigger is foreign to them.

Changes found on one network work on others taught the same, for they use what the classes look like (Szegedy et al.
2014). A trigger is made as large as nature needs it and shown to the twins; what it does there is held against what
the twins' own triggers do to each other.
"""

from collections.abc import Sequence
from itertools import permutations
from statistics import fmean, geometric_mean
from typing import TYPE_CHECKING

from tasks.backdoors.inversion import success
from tasks.backdoors.trigger import Trigger
from tasks.backdoors.twin import Twin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 256
_LEAST_USUAL = 0.1  # where twins' own triggers hardly work on each other, another's need not


def transfer(trigger: Trigger, own: Sequence[Trigger], twins: Sequence[Twin], rows: "NDArray[np.float32]") -> float:
    """The share that works on the twins; 0: none does, 1: as the twins' own on each other, or better.

    own: what the same search found in each twin, two at least. rows: sound (rows, channels, H, W) the trigger is for.
    """
    rows = rows[:_ROWS]
    natural = geometric_mean(one.size for one in own)
    shown = trigger.enlarged(max(1.0, natural / trigger.size))
    moved = fmean(success(twin.module, shown, rows) for twin in twins)
    others = permutations(zip(twins, own, strict=True), 2)
    usual = fmean(success(twin.module, theirs, rows) for (twin, _), (_, theirs) in others)
    return min(1.0, moved / max(usual, _LEAST_USUAL))
