"""Rows whose content is there already, and rows of one content under different labels."""

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

NOTHING_TO_COPY = "there is no other row to copy"
RULE = "every copy beyond the first, and every row whose equal content has another label elsewhere"


class Duplicates:
    """Exact, so never wrong: the first of equal rows stays, of contradicting rows none does."""

    name = "duplicates"

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        rows = case.rows
        first: dict[bytes, int] = {}
        labels: dict[bytes, set[int]] = {}
        for place, (content, label) in enumerate(zip(rows.contents, rows.labels.tolist(), strict=True)):
            first.setdefault(content, place)
            labels.setdefault(content, set()).add(label)
        reasons: dict[int, str] = {}
        nearest: dict[int, tuple[str, ...]] = {}
        for place, content in enumerate(rows.contents):
            if len(labels[content]) > 1:
                names = ", ".join(sorted(rows.classes[label] for label in labels[content]))
                reasons[place] = f"the same content is labelled {names}"
            elif first[content] != place:
                reasons[place] = f"exact copy of row {rows.row_ids[first[content]]}"
            if first[content] != place:
                nearest[place] = (rows.row_ids[first[content]],)
        suspect = np.zeros(len(rows), dtype=bool)
        suspect[list(reasons)] = True
        return Finding(suspect.astype(np.float64), suspect, suspect, np.zeros(len(rows)), reasons, RULE, nearest)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Copies of rows before them: of equal rows the later ones are the copies."""
        import numpy as np

        donors = earlier_rows(len(rows), places, generator)
        if donors is None:
            return NotJudged(NOTHING_TO_COPY)
        copied = np.arange(len(rows))
        copied[places] = donors
        return replace(rows.take(copied), row_ids=rows.row_ids)


def earlier_rows(
    rows: int, places: "NDArray[np.int64]", generator: "np.random.Generator"
) -> "NDArray[np.int64] | None":
    """For each place a random one before it that is none of `places`, the first such when none is before; or None."""
    import numpy as np

    others = np.setdiff1d(np.arange(rows), places)
    before = np.searchsorted(others, places)
    return others[generator.integers(0, np.maximum(before, 1))] if before.any() else None
