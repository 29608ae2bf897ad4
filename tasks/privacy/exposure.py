"""How well a model remembers rows planted in its training data: exposure, "The Secret Sharer" (Carlini et al. 2019).

A planted row keeps its input and gets a label drawn at random, which no rule can tell. Its twins are rows that the
model never saw, with labels drawn the same way: to a model that learned rules alone they are all the same.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.digests import sha256_lines
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.sdk import Rows
from tasks.examination.clean import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_PLANTED, FEWEST_TWINS = 8, 30
_DRAWS = 2000


@dataclass(frozen=True)
class Exposure:
    """bits: mean exposure, 0 to log2(twins + 1). by_chance: what it is when nothing is remembered, about 1.44."""

    bits: float
    ci95: Interval
    by_chance: float
    most: float
    planted: int
    twins: int

    @property
    def is_remembered(self) -> bool:
        """Whether the whole interval lies above chance."""
        return self.ci95[0] > self.by_chance

    def to_json(self) -> JsonObject:
        return {
            "bits": self.bits,
            "ci95": list(self.ci95),
            "by_chance": self.by_chance,
            "most": self.most,
            "planted": self.planted,
            "twins": self.twins,
            "is_remembered": self.is_remembered,
        }


def plant_canaries(train: Rows, count: int, classes: int, seed: int) -> tuple[Rows, "NDArray[np.int64]"]:
    """`train` with `count` of its labels redrawn among the other classes, and where these rows are.

    Which rows and which labels follows from row ids and seed alone, so that an examination finds them again.
    """
    import numpy as np

    if count > len(train) // 10:
        raise SpecError(f"{count} canaries: expected at most a tenth of the {len(train)} training rows; plant fewer")
    draws = np.array([_draw(row_id, seed) for row_id in train.row_ids])
    places = np.sort(np.argsort(draws, kind="stable")[:count])
    labels = train.labels.copy()
    labels[places] = _other_labels(train, classes, seed)[places]
    return replace(train, labels=labels), places


def canary_twins(unseen: Rows, classes: int, seed: int) -> Rows:
    """`unseen` with every label redrawn as a planted one is; give rows that the model was not trained on."""
    return replace(unseen, labels=_other_labels(unseen, classes, seed))


def canary_losses(probabilities: "NDArray[Any]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(rows,): minus log of the label's probability."""
    import numpy as np

    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.maximum(given, 1e-12)))


def canary_exposure(planted: "NDArray[np.float64]", twins: "NDArray[np.float64]", seed: int = 0) -> Exposure:
    """log2 of the candidates less log2 of the planted row's rank by loss among its twins; ties count half.

    planted: (P,) losses, at least 8. twins: (T,) losses, at least 30, shared by all planted rows. The interval is the
    percentile bootstrap over both.
    """
    import numpy as np

    if len(planted) < FEWEST_PLANTED or len(twins) < FEWEST_TWINS:
        raise SpecError(
            f"exposure needs {FEWEST_PLANTED} planted rows and {FEWEST_TWINS} twins, found {len(planted)}, {len(twins)}"
        )
    generator = np.random.default_rng(seed)
    drawn = [_bits(generator.choice(planted, len(planted)), generator.choice(twins, len(twins))) for _ in range(_DRAWS)]
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    candidates = len(twins) + 1
    by_chance = math.log2(candidates) - float(np.log2(np.arange(1, candidates + 1)).mean())
    bits, most = _bits(planted, twins), math.log2(candidates)
    return Exposure(bits, (low, high), by_chance, most, len(planted), len(twins))


def _bits(planted: "NDArray[np.float64]", twins: "NDArray[np.float64]") -> float:
    import numpy as np

    ordered = np.sort(twins)
    ranks = 1 + (np.searchsorted(ordered, planted, "left") + np.searchsorted(ordered, planted, "right")) / 2
    return float((math.log2(len(twins) + 1) - np.log2(ranks)).mean())


def _other_labels(rows: Rows, classes: int, seed: int) -> "NDArray[np.int64]":
    import numpy as np

    steps = [1 + int(_draw(row_id, seed + 1) * (classes - 1)) for row_id in rows.row_ids]
    return np.asarray((rows.labels + np.array(steps)) % classes, dtype=np.int64)


def _draw(row_id: str, seed: int) -> float:
    """A number in [0, 1) that depends on both alone."""
    return int(sha256_lines(["canary", str(seed), row_id])[:12], 16) / 16**12
