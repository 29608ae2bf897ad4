"""Canaries among the training rows: planted before training, found again by what the candidate's facts say."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.json_types import JsonObject
from assay.sdk import Rows
from tasks.privacy.exposure import plant_canaries
from tasks.training.rows import TrainingRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FACT = "canaries"


@dataclass(frozen=True)
class Planted:
    """train: rows with the labels that were learned. places: of the canaries among them. seed: of planting."""

    train: Rows
    places: "NDArray[np.int64]"
    seed: int


def with_canaries(rows: TrainingRows, count: int, seed: int) -> TrainingRows:
    """`rows` with `count` canaries among those to train on; as they are where none are asked for.

    The candidate's facts must then say `canaries: {count, seed}`. Raises SpecError when a tenth would be exceeded.
    """
    if not count:
        return rows
    return replace(rows, train=plant_canaries(rows.train, count, rows.classes, seed)[0])


def find_planted(train: Rows, made: JsonObject, classes: int) -> Planted | None:
    """`made`: the candidate's facts, `canaries: {count, seed}` where training planted some; None where it did not.

    train: the same rows that `with_canaries` was given to train on.
    """
    told = made.get(FACT)
    if not isinstance(told, dict) or not told.get("count"):
        return None
    seed = int(str(told["seed"]))
    changed, places = plant_canaries(train, int(str(told["count"])), classes, seed)
    return Planted(changed, places, seed)
