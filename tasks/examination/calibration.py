"""Whether the model is right as often as it says: reliability by confidence, and the expected calibration error."""

from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.examination.case import Examined, ModelCase
from tasks.examination.clean import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BINS = 15


def examine_calibration(case: ModelCase) -> Examined:
    """facts: error (Guo et al. 2017, 15 equal bins), bins: [{confidence, accuracy, ci95, rows}]. Found, not judged."""
    right = case.rows["holdout"].labels == case.predicted["holdout"]
    bins = reliability(case.confidence["holdout"], right)
    error = sum(rows * abs(confidence - accuracy) for rows, confidence, accuracy in bins) / len(right)
    told: list[Json] = [
        {
            "confidence": confidence,
            "accuracy": accuracy,
            "ci95": list(wilson(round(accuracy * rows), rows)),
            "rows": rows,
        }
        for rows, confidence, accuracy in bins
    ]
    return Examined({"error": error, "bins": told}, ())


def reliability(confidence: "NDArray[np.float32]", right: "NDArray[np.bool_]") -> list[tuple[int, float, float]]:
    """Rows, mean confidence and share right of every bin that holds rows, the least confident first."""
    import numpy as np

    places = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    chosen = [places == number for number in range(_BINS) if (places == number).any()]
    return [(int(one.sum()), float(confidence[one].mean()), float(right[one].mean())) for one in chosen]
