"""Whether the framework and the exported file still answer alike on rows that an attacker made.

Clean rows prove little: a file may have been changed, or an operator rounded, where only attacked rows go.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.inference import Predictions
from assay.json_types import JsonObject
from assay.records import Check, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# As `deploy.max_export_difference` asks of clean rows: a softmax moves by at most half of what the logits move, so rows
# near a boundary need no wider bound; only their labels may tie.
MOST_APART = 1e-4


@dataclass(frozen=True)
class AttackedParity:
    """check: whether both answer alike. facts: rows, max_difference, label_disagreements, ties."""

    check: Check
    facts: JsonObject


def parity_under_attack(
    name: str, framework: "NDArray[Any]", served: Predictions, bound: float = MOST_APART
) -> AttackedParity:
    """framework: probabilities (rows, classes) of the same raw adversarial rows that `served` answers.

    A label differs when it is not the framework's best and lies more than twice `bound` below it; else it is a tie.
    """
    import numpy as np

    title, theirs = f"{name}: file answers as the framework under attack", served.probabilities
    if framework.shape != theirs.shape or len(served.label) != len(framework):
        words = f"framework {framework.shape}, file {theirs.shape}, labels {served.label.shape}"
        return AttackedParity(Check(title, Verdict.FAILED, f"answers of other shapes: {words}"), {"problem": words})
    if not len(framework):
        return AttackedParity(Check(title, Verdict.NOT_CHECKED, "no adversarial row was made"), {"rows": 0})
    apart = np.abs(framework.astype(np.float64) - theirs)
    largest = float(np.nan_to_num(apart, nan=1.0, posinf=1.0).max())
    other, tied = _labels_apart(framework, served.label, bound)
    holds = largest <= bound and not other
    words = f"{len(framework)} adversarial rows, {other} labels differ, {tied} ties; bound as for clean rows"
    facts: JsonObject = {
        "rows": len(framework),
        "max_difference": largest,
        "label_disagreements": other,
        "ties": tied,
    }
    return AttackedParity(Check(title, Verdict.PASSED if holds else Verdict.FAILED, words, largest, bound), facts)


def _labels_apart(framework: "NDArray[Any]", labels: "NDArray[np.int64]", bound: float) -> tuple[int, int]:
    """How many labels differ, and how many more only because two classes are as likely."""
    import numpy as np

    in_range = (labels >= 0) & (labels < framework.shape[1])
    chosen = framework[np.arange(len(labels)), np.where(in_range, labels, 0)]
    differs = framework.argmax(axis=1) != labels
    is_tie = differs & in_range & (framework.max(axis=1) - chosen <= 2 * bound)
    return int((differs & ~is_tie).sum()), int(is_tie.sum())
