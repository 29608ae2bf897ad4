"""Rows whose content is there already, and rows of one content under different labels."""

from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    from tasks.screening.rows import ScreenRows

RULE = "every copy beyond the first, and every row whose equal content has another label elsewhere"


def find_duplicates(rows: "ScreenRows", false_quarantine_rate: float, seed: int) -> Finding | NotJudged:
    """Exact, so never wrong: the first of equal rows stays, of contradicting rows none does."""
    import numpy as np

    first: dict[bytes, int] = {}
    labels: dict[bytes, set[int]] = {}
    for place, (content, label) in enumerate(zip(rows.contents, rows.labels.tolist(), strict=True)):
        first.setdefault(content, place)
        labels.setdefault(content, set()).add(label)
    reasons: dict[int, str] = {}
    for place, content in enumerate(rows.contents):
        if len(labels[content]) > 1:
            names = ", ".join(sorted(rows.classes[label] for label in labels[content]))
            reasons[place] = f"the same content is labelled {names}"
        elif first[content] != place:
            reasons[place] = f"exact copy of row {rows.row_ids[first[content]]}"
    suspect = np.zeros(len(rows), dtype=bool)
    suspect[list(reasons)] = True
    return Finding(suspect.astype(np.float64), suspect, suspect, np.zeros(len(rows)), reasons, RULE)
