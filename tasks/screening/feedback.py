"""Rows whose labels our own model gave: a model that learns from its own answers learns its own errors.

Told by provenance alone. Served rows keep who labelled them, and their ids name the version where a model did;
rows that came another way, or whose labels do not say who gave them, are not accused.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.sources.captured import labelling_model, model_labelled_id
from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

RULE = "every row whose provenance says that a model of ours gave the label"


class Feedback:
    """Exact as far as provenance goes: every suspect is quarantined."""

    name = "feedback"

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        models = {place: model for place, row_id in enumerate(case.rows.row_ids) if (model := labelling_model(row_id))}
        suspect = np.zeros(len(case.rows), dtype=bool)
        suspect[list(models)] = True
        reasons = {place: f"version {model} of our own model gave the label" for place, model in models.items()}
        return Finding(suspect.astype(np.float64), suspect, suspect, 1.0 - suspect, reasons, RULE)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Ids as collecting gives them to labels that a model gave."""
        row_ids, version = list(rows.row_ids), str(generator.integers(1, 100))
        for place in places.tolist():
            row_ids[place] = model_labelled_id(f"canary-{place}", 0, version)
        return replace(rows, row_ids=tuple(row_ids))
