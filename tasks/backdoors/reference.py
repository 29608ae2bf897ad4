"""What is natural, measured: sound twins of a model, searched as the model itself is."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.backdoors.finding import Reference
from tasks.backdoors.inversion import OVERLAY, PATCH, invert_triggers
from tasks.backdoors.pairs import search_pairs
from tasks.backdoors.trigger import Aim, Form, Trigger
from tasks.backdoors.twin import train_twins

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

SAMPLES = 512
TWINS = 2
WITNESSES = 4
TWIN_ROWS = 2000


def make_reference(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    samples: int = SAMPLES,
    deadline: float = float("inf"),
) -> Reference:
    """Train two twins on sound rows and search them as the model is searched. Raises OutOfTime."""
    rows, known = inputs[:TWIN_ROWS], labels[:TWIN_ROWS]
    twins = train_twins(module, rows, known, range(seed, seed + TWINS))
    logs = dict[tuple[Form, Aim], list[float]]()
    of_classes = list[tuple[Trigger, ...]]()
    for number, twin in enumerate(twins, seed):
        found = search_classes(twin.module, inputs[:samples], labels[:samples], number, deadline)
        ways = search_pairs(twin.module, rows, known, number, deadline)
        for one in (*found, *ways):
            logs.setdefault((one.form, one.aim), []).append(math.log(one.size))
        of_classes.append(found)
    sizes = {key: math.exp(sum(several) / TWINS) for key, several in logs.items()}
    return Reference(twins, sizes, _by_aim(of_classes))


def witnesses(
    natural: Reference,
    targets: Sequence[int],
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    samples: int = SAMPLES,
    deadline: float = float("inf"),
) -> Reference:
    """With four twins more, searched for `targets` alone: two are few to say what is shared. Raises OutOfTime."""
    aims = [Aim(target) for target in targets]
    numbers = range(seed + TWINS, seed + TWINS + WITNESSES)
    more = train_twins(module, inputs[:TWIN_ROWS], labels[:TWIN_ROWS], numbers)
    found = [
        search_classes(twin.module, inputs[:samples], labels[:samples], number, deadline, aims)
        for number, twin in zip(numbers, more, strict=True)
    ]
    added = _by_aim(found)
    triggers = {key: (*natural.triggers[key], *theirs) for key, theirs in added.items()}
    return Reference((*natural.twins, *more), natural.sizes, triggers)


def search_classes(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    deadline: float = float("inf"),
    aims: Sequence[Aim] | None = None,
) -> tuple[Trigger, ...]:
    """A patch for every class, or for `aims`, then an overlay, each for rows of all others. Raises OutOfTime."""
    return tuple(
        trigger
        for search in (PATCH, OVERLAY)
        for trigger in invert_triggers(module, inputs, labels, seed, search, aims, deadline)
    )


def _by_aim(found: Sequence[tuple[Trigger, ...]]) -> dict[tuple[Form, Aim], tuple[Trigger, ...]]:
    """Of each form and aim, one trigger a twin."""
    return {(several[0].form, several[0].aim): several for several in zip(*found, strict=True)}
