"""Finds the canaries that training planted, by what the candidate's facts say of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.json_types import JsonObject
from assay.sdk import Rows
from tasks.privacy.exposure import plant_canaries

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


def find_planted(train: Rows, made: JsonObject, classes: int) -> Planted | None:
    """`made`: the candidate's facts, `canaries: {count, seed}` where training planted some; None where it did not."""
    told = made.get(FACT)
    if not isinstance(told, dict) or not told.get("count"):
        return None
    seed = int(str(told["seed"]))
    changed, places = plant_canaries(train, int(str(told["count"])), classes, seed)
    return Planted(changed, places, seed)
