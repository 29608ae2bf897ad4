"""Membership from labels alone (Choquette-Choo et al. 2021): rows a model learned keep their label under noise.

Needs no reference model and no probability, so it works on any model within any budget; it sees less than LiRA.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.privacy.perturbation import is_text, measure_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    # Raw inputs to labels.
    Ask = Callable[[NDArray[Any]], NDArray[np.int64]]

# The middle first: a budget may end after one copy.
NOISE = (0.5, 0.25, 1.0, 0.1)
WORDS = (0.5, 0.25, 0.75, 0.1)
_COPIES = 4
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class LabelAnswers:
    """scores: (rows,) in [0, 2], 1 for the right label and the share of noisy copies that keep it. queries: a row."""

    scores: "Floats"
    queries: int


def keep_labels(
    ask: "Ask", inputs: "NDArray[Any]", labels: "NDArray[np.int64]", budget_seconds: float = float("inf"), seed: int = 0
) -> LabelAnswers:
    """Asks for every row and up to 16 noisy copies of it, at least one; fewer when the budget ends first."""
    import numpy as np

    started = time.perf_counter()
    noise, generator = measure_noise(inputs), np.random.default_rng(seed)
    right = (ask(inputs) == labels).astype(np.float64)
    kept, copies = np.zeros(len(labels)), 0
    for strength in (WORDS if is_text(inputs) else NOISE) * _COPIES:
        if copies and (time.perf_counter() - started) * (copies + 2) / (copies + 1) > budget_seconds:
            break
        answered = [ask(noise.apply(part, strength, generator)) for part in _parts(inputs)]
        kept += np.concatenate(answered) == labels
        copies += 1
    return LabelAnswers(right + kept / copies, copies + 1)


def _parts(inputs: "NDArray[Any]") -> "list[NDArray[Any]]":
    """Noisy copies of all rows at once could be more than fits in memory."""
    import numpy as np

    return np.array_split(inputs, -(-len(inputs) // _ROWS_AT_ONCE))
