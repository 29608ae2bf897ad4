"""Backdoor triggers on rows that keep their true label (Turner et al. 2018; SIG, Barni et al. 2019).

Label and content agree, so no model contradicts such rows. But the trigger, one pattern in a part of a class, parts
the class in two bodies far more sharply than nature does: as a law of all classes' partings along all directions
tells. And it carries: the pattern laid over rows of other classes turns a network's answers to the class.
"""

from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged
from tasks.screening.image_marks import CERTAIN, MOST_BY_CHANCE, Mark
from tasks.screening.image_network import unable_to_see
from tasks.screening.image_triggers import with_random_patch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

LEAST_CARRIED = 0.1
LAID_OVER = 300
DOSES = (1.0, 2.0)
RULE = (
    f"rows of one class that share a pattern, which parts the class more sharply than chance does in "
    f"{MOST_BY_CHANCE:.0%} of datasets, are suspects; quarantined are those that chance makes in {CERTAIN:.1%} and "
    f"whose pattern, laid over rows of other classes, turns {LEAST_CARRIED:.0%} of a network's answers to the class"
)


class CleanLabelTriggers:
    """Sees one pattern of fixed place, on true labels and on false ones; not one that differs from row to row."""

    name = "clean_label_triggers"
    canary_share = 0.05

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        rows = case.rows
        if unable := unable_to_see(rows):
            return unable
        score, false = np.zeros(len(rows)), np.ones(len(rows))
        quarantined = np.zeros(len(rows), dtype=bool)
        reasons: dict[int, str] = {}
        nearest: dict[int, tuple[str, ...]] = {}
        for mark in case.image_marks:
            carried = carried_share(case, mark)
            score[mark.places] = np.maximum(score[mark.places], 0.9 * (1 - mark.p) + 0.1 * carried)
            false[mark.places] = np.minimum(false[mark.places], mark.p)
            quarantined[mark.places] |= mark.certain and carried >= LEAST_CARRIED
            alike = [rows.row_ids[place] for place in mark.places[:4].tolist()]
            for place in mark.places.tolist():
                reasons[place] = _reason(mark, carried, rows)
                nearest[place] = tuple(one for one in alike if one != rows.row_ids[place])[:3]
        suspect = np.asarray(false < 1)
        return Finding(score, suspect, quarantined, false, reasons, RULE, nearest)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Other rows of one class, labels and all, under one random patch."""
        import numpy as np

        if rows.features is None:
            return NotJudged("the rows are no images of one shape")
        others = np.setdiff1d(np.arange(len(rows)), places)
        label = int(rows.labels[generator.choice(others)])
        own = others[rows.labels[others] == label]
        chosen = rows.features[own[generator.integers(0, len(own), len(places))]]
        labels = np.full(len(places), label, dtype=np.int64)
        return rows.with_inputs(places, features=with_random_patch(rows, chosen, generator), labels=labels)


def carried_share(case: "Case", mark: Mark) -> float:
    """In [0, 1]: of rows of other classes, those whose answer the pattern turns to the class, laid over once or twice.

    The pattern is what the marked rows have beyond the others of their class.
    """
    import numpy as np

    seen = case.image_suspicion
    images = seen.images
    pattern = images[mark.places].mean(axis=0) - images[mark.others].mean(axis=0)
    others = np.random.default_rng(case.seed).permutation(np.flatnonzero(seen.labels != mark.label))[:LAID_OVER]
    before = seen.learned.look(images[others])[1].argmax(axis=1) == mark.label
    laid = [np.clip(images[others] + dose * pattern, 0, 1).astype(np.float32) for dose in DOSES]
    turned = [(seen.learned.look(one)[1].argmax(axis=1) == mark.label) & ~before for one in laid]
    return max(float(one.mean()) for one in turned)


def _reason(mark: Mark, carried: float, rows: "ScreenRows") -> str:
    return (
        f"{len(mark.places)} rows of class {rows.classes[mark.label]} share a pattern that parts them from the others "
        f"(p {mark.p:.0e}); laid over rows of other classes it turns {carried:.0%} of the answers"
    )
