"""Whether an explanation can be believed; whatever does not hold makes it not checked, never a pass.

Attributions add up (Sundararajan et al. 2017), taking away what they name hurts more than taking away anything, they
change with the weights (Adebayo et al. 2018), and another half of the rows says the same.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from assay.records import Check, Verdict
from tasks.explanation.explained import Explained, shares

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_MISSING, MOST_ALIKE_AFTER_SHUFFLE, CANARY_SHARE = 0.05, 0.7, 0.9
FEWEST_RANKS_ALIKE, FEWEST_SHARES_ALIKE = 0.5, 0.8
_TAKEN, _DRAWS, _DEVIATIONS = 0.2, 3, 2.0


def check_sum(explained: Explained) -> Check:
    """Measured: the mean gap as a share of the mean total."""
    import numpy as np

    if explained.total is None:
        return Check("adds up", Verdict.PASSED, "words left out one by one promise no sum")
    gap = float(np.abs(explained.values.sum(axis=1) - explained.total).mean())
    whole = float(np.abs(explained.total).mean())
    measured = gap / whole if whole else float("inf")
    words = f"attributions of a row add up to its score less the baseline's; mean gap {gap:.3g} of {whole:.3g}"
    return Check("adds up", _verdict(measured <= MOST_MISSING), words, measured, MOST_MISSING)


def check_deletion(explained: Explained, seed: int) -> Check:
    """Measured: how much more the score falls without a row's top fifth than without as many parts at random."""
    import numpy as np

    generator = np.random.default_rng(seed)
    counts = np.maximum(1, np.round(_TAKEN * explained.present.sum(axis=1))).astype(int)
    top = explained.without(_first(-explained.values, explained.present, counts))
    chance = np.mean(
        [
            explained.without(_first(generator.random(explained.values.shape), explained.present, counts))
            for _ in range(_DRAWS)
        ],
        axis=0,
    )
    more = (chance - top)[explained.present.sum(axis=1) > 1]
    if len(more) < 2:
        return Check("deletion", Verdict.NOT_CHECKED, "rows have too few parts to compare with others")
    mean, error = float(more.mean()), float(more.std(ddof=1) / np.sqrt(len(more)))
    words = f"without its top parts a row's score falls {mean:.3g} ± {error:.2g} further than without others"
    return Check("deletion", _verdict(mean > _DEVIATIONS * error), words, mean, _DEVIATIONS * error)


def _first(order: "Floats", present: "NDArray[np.bool_]", counts: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    """Of each row the `counts[row]` present parts with the lowest `order`."""
    import numpy as np

    rank = np.where(present, order, np.inf).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return np.asarray((rank < counts[:, None]) & present)


def check_stable(values: "Floats") -> Check:
    """Measured: rank correlation of the importances by even and by odd rows (Spearman).

    Halves that put the same weight on the same parts are alike too, where many parts matter as little.
    """
    import numpy as np

    even, odd = shares(values[::2]), shares(values[1::2])
    ranks, overlap = rank_correlation(even, odd), float(np.minimum(even, odd).sum())
    holds = ranks >= FEWEST_RANKS_ALIKE or overlap >= FEWEST_SHARES_ALIKE
    words = (
        f"importances by two halves of the rows: rank correlation {ranks:.3f}, {overlap:.0%} of the weight in common"
    )
    return Check("stable", _verdict(holds), words, ranks, FEWEST_RANKS_ALIKE)


def rank_correlation(left: "Floats", right: "Floats") -> float:
    """Spearman's, in [-1, 1]; 0 where one side has no order."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(left), rankdata(right)
    if len(left) < 2 or not all(np.ptp(one) for one in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def check_shuffled(
    explained: Explained, module: "torch.nn.Module", explain: "Callable[[torch.nn.Module], Explained]", seed: int
) -> Check:
    """Measured: mean rank correlation of a row's attributions before and after the last weights are shuffled."""
    import numpy as np

    shuffled = shuffle_last_weights(module, seed)
    if shuffled is None:
        return Check("follows the weights", Verdict.NOT_CHECKED, "the module has no weights to shuffle")
    after = explain(shuffled).values
    alike = float(np.mean([rank_correlation(*pair) for pair in zip(explained.values, after, strict=True)]))
    words = "rank correlation of a row's attributions with those of the model whose last weights are shuffled"
    return Check(
        "follows the weights", _verdict(alike <= MOST_ALIKE_AFTER_SHUFFLE), words, alike, MOST_ALIKE_AFTER_SHUFFLE
    )


def shuffle_last_weights(module: "torch.nn.Module", seed: int) -> "torch.nn.Module | None":
    """A copy whose last weight matrix holds the same numbers in another order."""
    import torch

    shuffled = copy.deepcopy(module)
    matrices = [
        value for value in (*shuffled.buffers(), *shuffled.parameters()) if value.ndim > 1 and value.is_floating_point()
    ]
    if not matrices:
        return None
    last = matrices[-1]
    with torch.no_grad():
        order = torch.randperm(last.numel(), generator=torch.Generator().manual_seed(seed)).to(last.device)
        last.copy_(last.flatten()[order].view_as(last))
    return shuffled


def check_canary(found: float) -> Check:
    """found: of a model that uses one part alone, the share of importance that this part gets."""
    words = "importance given to the one input that a known model uses"
    return Check("sees a known model", _verdict(found >= CANARY_SHARE), words, found, CANARY_SHARE)


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASSED if holds else Verdict.NOT_CHECKED
