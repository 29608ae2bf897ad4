"""A backdoor for rows of one class alone: which way from one class to another is too near to be natural?

Every way is searched with a patch, and the table of their sizes names the nearest. These are searched once more with a
patch that keeps to one part of the image: a network that falls to faint texture needs it all over the image, a planted
trigger lies in one place.
"""

import math
from collections.abc import Sequence
from statistics import geometric_mean
from typing import TYPE_CHECKING

from tasks.backdoors.decision import PAIR_BOUND, is_to_be_heard, pair_score, table_scores
from tasks.backdoors.finding import Reference, Suspect
from tasks.backdoors.inversion import PAIR_PART, PAIR_PATCH, invert_triggers
from tasks.backdoors.transfer import transfer
from tasks.backdoors.trigger import Aim, Trigger, Window

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

MOST_PAIRED_CLASSES = 20
NEAREST = 5
_WINDOWS_A_SIDE = 4
_WINDOW_SHARE = 0.36


def suspect_pairs(
    module: "torch.nn.Module",
    natural: Reference,
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    deadline: float = float("inf"),
) -> tuple[Suspect, ...]:
    """The nearest ways, lowest score first; inputs: sound rows (rows, channels, H, W). Raises OutOfTime."""
    found = search_pairs(module, inputs, labels, seed, deadline)
    if not found:
        return ()
    sizes = [natural.sizes[one.form, one.aim] for one in found]
    scores = _scores_by_table(found, sizes)
    nearest = sorted(range(len(found)), key=lambda place: scores[place])[:NEAREST]
    patches = [found[place] for place in nearest]
    aims = [one.aim for one in patches]
    parts = search_parts(module, inputs, labels, aims, seed, deadline)
    naturals = natural_parts(natural, inputs, labels, aims, seed, deadline)
    suspects = []
    for place, patch, part, own in zip(nearest, patches, parts, naturals, strict=True):
        usual = geometric_mean(one.size for one in own)
        score = pair_score(scores[place], part.size, usual)
        heard = is_to_be_heard(score, PAIR_BOUND)
        share = transfer(part, own, natural.twins, inputs[labels == patch.aim.source]) if heard else 0.0
        suspects.append(Suspect(patch.aim, score, PAIR_BOUND, (patch, part), (sizes[place], usual), share))
    return tuple(sorted(suspects, key=lambda one: one.score))


def search_pairs(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    deadline: float = float("inf"),
) -> tuple[Trigger, ...]:
    """A patch from every class to every other; none where there are too many classes. Raises OutOfTime."""
    import numpy as np

    known = [int(one) for one in np.unique(labels)]
    if len(known) > MOST_PAIRED_CLASSES:
        return ()
    aims = [Aim(target, source) for source in known for target in known if source != target]
    return invert_triggers(module, inputs, labels, seed, PAIR_PATCH, aims, deadline)


def search_parts(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    aims: Sequence[Aim],
    seed: int,
    deadline: float = float("inf"),
) -> tuple[Trigger, ...]:
    """Of every aim the smallest part of all windows; as large as its window where none works. Raises OutOfTime."""
    from dataclasses import replace

    windows = windows_of(*inputs.shape[2:])
    asked = [replace(aim, window=window) for aim in aims for window in windows]
    found = invert_triggers(module, inputs, labels, seed, PAIR_PART, asked, deadline)
    whole = float(windows[0].height * windows[0].width)
    sized = [one if one.reached else replace(one, size=whole) for one in found]
    by_aim = (sized[start : start + len(windows)] for start in range(0, len(sized), len(windows)))
    return tuple(min(several, key=lambda one: one.size) for several in by_aim)


def natural_parts(
    natural: Reference,
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    aims: Sequence[Aim],
    seed: int,
    deadline: float = float("inf"),
) -> tuple[tuple[Trigger, ...], ...]:
    """Of every aim the smallest part in each twin, in their order. Raises OutOfTime."""
    found = [
        search_parts(twin.module, inputs, labels, aims, seed + number, deadline)
        for number, twin in enumerate(natural.twins)
    ]
    return tuple(zip(*found, strict=True))


def windows_of(height: int, width: int) -> tuple[Window, ...]:
    """Four by four that overlap, a third of each side long; a sixth of a side lies whole in one of them."""
    import numpy as np

    tall, wide = (math.ceil(_WINDOW_SHARE * side) for side in (height, width))
    tops, lefts = (np.linspace(0, last, _WINDOWS_A_SIDE).round().astype(int) for last in (height - tall, width - wide))
    return tuple(Window(int(top), int(left), tall, wide) for top in tops for left in lefts)


def _scores_by_table(found: Sequence[Trigger], sizes: Sequence[float]) -> list[float]:
    """Of each way, in the order of `found`."""
    import numpy as np

    known = sorted({one.aim.target for one in found})
    own, twins = (np.full((len(known), len(known)), np.nan) for _ in range(2))
    places = [(known.index(int(one.aim.source or 0)), known.index(one.aim.target)) for one in found]
    for place, one, size in zip(places, found, sizes, strict=True):
        own[place], twins[place] = one.size, size
    scores = table_scores(own, twins)
    return [float(scores[place]) for place in places]
