"""Shapley values of parts by sampled orders (Štrumbelj & Kononenko 2014), for any model that answers rows.

A part that is taken away gets the values of another row drawn at random. Orders come in pairs, one the reverse of the
other, which cancels much of the noise (Mitchell et al. 2022).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.explanation.explained import Explained
from tasks.explanation.score import centred

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    # Raw rows -> probabilities (rows, classes).
    Answer = Callable[[NDArray[Any]], NDArray[Any]]

_CALLS, _MOST_PAIRS, _BATCH = 40_000, 10, 4096


@dataclass(frozen=True)
class Parts:
    """number: for each value of a row, flattened, the part it belongs to, 0 to count - 1."""

    number: "NDArray[np.int64]"

    @property
    def count(self) -> int:
        return int(self.number.max()) + 1


def sample_shapley(
    answer: "Answer", inputs: "NDArray[Any]", background: "NDArray[Any]", parts: Parts, seed: int = 0
) -> Explained:
    """inputs: raw rows (rows, …). background: raw rows that stand in for what is taken away."""
    import numpy as np

    generator = np.random.default_rng(seed)
    targets = np.asarray(answer(inputs).argmax(axis=1))
    pairs = int(np.clip(_CALLS // (2 * len(inputs) * (parts.count + 1)), 1, _MOST_PAIRS))
    values, start = np.zeros((len(inputs), parts.count)), np.zeros(len(inputs))
    for _ in range(pairs):
        order = generator.permuted(np.tile(np.arange(parts.count), (len(inputs), 1)), axis=1)
        others = background[generator.integers(0, len(background), len(inputs))]
        for way in (order, order[:, ::-1]):
            gains, first = _walk(answer, inputs, others, parts, way, targets)
            values += gains / (2 * pairs)
            start += first / (2 * pairs)
    end = centred(answer(inputs), targets)
    stand_in = background[generator.integers(0, len(background), len(inputs))]

    def without(taken: "NDArray[np.bool_]") -> "Floats":
        return centred(answer(_mixed(inputs, stand_in, ~taken, parts)), targets)

    return Explained(values, targets, np.ones_like(values, dtype=bool), without, end - start)


def _walk(
    answer: "Answer", inputs: "NDArray[Any]", others: "NDArray[Any]", parts: Parts, order: "NDArray[Any]",
    targets: "NDArray[np.int64]",
) -> "tuple[Floats, Floats]":  # fmt: skip
    """From the other row to the row itself, one part a step: what each step adds, and the score at the start."""
    import numpy as np

    place = order.argsort(axis=1)
    rows, gains, starts = max(1, _BATCH // (parts.count + 1)), [], []
    for first in range(0, len(inputs), rows):
        chunk = slice(first, first + rows)
        added = place[chunk, None, :] < np.arange(parts.count + 1)[None, :, None]
        steps = added.shape[1]
        own, other = (np.repeat(values[chunk], steps, axis=0) for values in (inputs, others))
        reached = answer(_mixed(own, other, added.reshape(-1, parts.count), parts))
        scores = centred(reached, np.repeat(targets[chunk], steps)).reshape(-1, steps)
        gains.append(np.take_along_axis(np.diff(scores, axis=1), place[chunk], axis=1))
        starts.append(scores[:, 0])
    return np.concatenate(gains), np.concatenate(starts)


def _mixed(own: "NDArray[Any]", other: "NDArray[Any]", kept: "NDArray[np.bool_]", parts: Parts) -> "NDArray[Any]":
    """Each row with its own values in the parts that are kept, and the other's elsewhere."""
    import numpy as np

    return np.where(kept[:, parts.number].reshape(own.shape), own, other)
