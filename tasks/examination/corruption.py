"""How right the served file stays when nature, not an attacker, spoils the images (Hendrycks & Dietterich 2019)."""

from typing import TYPE_CHECKING

from assay.json_types import Json
from assay.records import Check, Verdict
from assay.sdk import GradientModel
from tasks.examination.case import Examined, ModelCase
from tasks.examination.evasion import attacked_rows
from tasks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS = 500
_NAME = "corruptions"
_INVERSE_TOLERANCE = 1e-5


def examine_corruption(case: ModelCase) -> Examined:
    """facts: rows, mean_accuracy, by: accuracy of each kind and severity. Images of a GradientModel alone."""
    model = case.candidate()
    if not isinstance(model, GradientModel):
        return _unseen(f"{case.spec.train.model} is no GradientModel, so it does not say what black and white are")
    rows = attacked_rows(case.rows["holdout"], ROWS)
    images = model.to_model_space(rows.inputs)
    if images.ndim != 4:
        return _unseen(f"expected images of shape (rows, channels, height, width), found {images.shape}")
    raw = model.from_model_space(images)
    if raw.shape != rows.inputs.shape or abs(raw - rows.inputs).max() > _INVERSE_TOLERANCE * max(abs(raw).max(), 1):
        return _unseen("from_model_space is no inverse of to_model_space; write it, so that the file can be asked")
    right = _right(case, model, images, rows.labels)
    mean, interval = float(right.mean()), _interval(right.mean((0, 1)))
    by: list[Json] = [
        {"name": name, "severity": severity, "accuracy": float(right[at, level].mean())}
        for at, name in enumerate(CORRUPTIONS)
        for level, severity in enumerate(SEVERITIES)
    ]
    worst = min(zip(CORRUPTIONS, right.mean((1, 2)), strict=True), key=lambda one: float(one[1]))
    detail = (
        f"{len(rows)} rows, {len(CORRUPTIONS)} kinds at {len(SEVERITIES)} severities; worst: {worst[0]} {worst[1]:.4f}"
    )
    return Examined(
        {"rows": len(rows), "mean_accuracy": mean, "ci95": list(interval), "by": by},
        (Check(_NAME, Verdict.PASSED, detail, measured=mean),),
        {"corruption_accuracy": mean},
        {"corruption_accuracy": interval},
    )


def _unseen(why: str) -> Examined:
    return Examined({"problem": why}, (Check(_NAME, Verdict.NOT_CHECKED, why),))


def _right(
    case: ModelCase, model: GradientModel, images: "NDArray[np.float32]", labels: "NDArray[np.int64]"
) -> "NDArray[np.bool_]":
    """(kinds, severities, rows), by the served file."""
    import numpy as np

    return np.array(
        [
            [
                case.served.predict(model.from_model_space(corrupt(images, name, severity, case.seed))).label == labels
                for severity in SEVERITIES
            ]
            for name in CORRUPTIONS
        ]
    )


def _interval(shares: "NDArray[np.float64]") -> tuple[float, float]:
    """95 % interval of the mean over rows: one row's corruptions hang together, rows do not."""
    import numpy as np

    half = 1.959963984540054 * float(shares.std(ddof=1)) / np.sqrt(len(shares)) if len(shares) > 1 else 1.0
    return max(0.0, float(shares.mean() - half)), min(1.0, float(shares.mean() + half))
