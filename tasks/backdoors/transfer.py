"""Is a weakness the data's or this network's own? The data's, sound twins share; a planted trigger is foreign to them.

Changes found on one network work on others taught the same, for they use what the classes look like (Szegedy et al.
2014). Each trigger is made as large as nature needs it, shown to the twins, and what it does there is held against what
the twins' own triggers do to each other.
"""

from collections.abc import Sequence
from itertools import permutations
from typing import TYPE_CHECKING

from tasks.backdoors.finding import Reference
from tasks.backdoors.inversion import success
from tasks.backdoors.trigger import Trigger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 256
_LEAST_USUAL = 0.1  # where twins' own triggers hardly work on each other, another's need not


def transfer(
    triggers: Sequence[Trigger], natural: Reference, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]"
) -> float:
    """Of the forms, the least share that works on the twins; 0: none does, 1: as the twins' own on each other.

    triggers: of one class for rows of all others. inputs: sound rows (rows, channels, H, W), with their labels.
    """
    others = inputs[labels != triggers[0].aim.target][:_ROWS]
    return min(_share(trigger, natural, others) for trigger in triggers)


def _share(trigger: Trigger, natural: Reference, inputs: "NDArray[np.float32]") -> float:
    modules = [twin.module for twin in natural.twins]
    shown = trigger.enlarged(max(1.0, natural.sizes[trigger.form, trigger.aim] / trigger.size))
    moved = [success(module, shown, inputs) for module in modules]
    own = natural.triggers[trigger.form, trigger.aim]
    usual = [
        success(module, other, inputs) for (module, _), (_, other) in permutations(zip(modules, own, strict=True), 2)
    ]
    return _mean(moved) / max(_mean(usual), _LEAST_USUAL)


def _mean(rates: Sequence[float]) -> float:
    return sum(rates) / len(rates)
