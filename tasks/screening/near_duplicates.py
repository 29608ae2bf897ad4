"""Rows much closer to others than sound rows of the dataset come: floods of near copies, and stray ones.

Exact copies are left to `Duplicates`. A row is accused when its first, second, fourth, eighth or sixteenth nearest row
is closer than the dataset's own law foretells; of rows that are near copies of one another one stays.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.screening.calibration import MOST_FALSE, expected_false_rate
from tasks.screening.duplicates import NOTHING_TO_COPY, earlier_rows
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.near_copies import TOO_ALIKE, can_tell_copies, copy_images, copy_points, copy_text
from tasks.screening.near_groups import Groups, group_copies
from tasks.screening.near_looks import Looks, looks_of
from tasks.screening.near_neighbours import RANKS, Neighbours, find_neighbours
from tasks.screening.row_strings import as_contents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 50
OF_THE_RATE = 0.25
FALSE_KEPT_OUT = 0.05
SHOWN = 3


class NearDuplicates:
    """Accused rows but for those that stay are suspects; kept out are those the law leaves hardly any doubt of."""

    name = "near_duplicates"
    canary_share = 0.01

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        first = as_contents(case.rows.contents).groups()
        distinct = np.flatnonzero(first == np.arange(len(first)))
        if len(distinct) < MINIMUM_ROWS:
            return NotJudged(f"the law of distances needs {MINIMUM_ROWS} different rows, found {len(distinct)}")
        looks = looks_of(case, distinct)
        if looks is None:
            return NotJudged("the rows have neither numbers nor text that could be alike")
        neighbours = find_neighbours(looks)
        p = neighbours.rarest
        false = expected_false_rate(p)
        accused = false <= MOST_FALSE
        certain = (false <= FALSE_KEPT_OUT) & (p <= case.false_quarantine_rate * OF_THE_RATE)
        groups = group_copies(neighbours, certain, accused, case.rows.labels[distinct], looks.vectors, case.seed)
        suspect = accused & ~groups.stays
        surprise = -np.log10(p) / 12
        score = np.where(groups.stays & accused, 0.0, 0.9 * (1 - false) + 0.1 * surprise)
        reasons, nearest = _evidence(case.rows, distinct, np.flatnonzero(suspect), neighbours, groups, looks)
        rule = (
            f"closer to another row, or to {', '.join(map(str, RANKS[1:]))} others, than the law of this dataset's "
            f"own distances foretells; kept out when at most {FALSE_KEPT_OUT:.0%} of rows so close are expected to be "
            "sound; of near copies the earliest stays, where labels contradict the earliest that its surroundings "
            "bear out"
        )
        wide = _widened(len(case.rows), distinct)
        return Finding(wide(score), wide(suspect), wide(suspect & certain), wide(false, 1.0), reasons, rule, nearest)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Near copies of rows before them, under the labels of those: half of them of one row, a small flood."""
        donors = earlier_rows(len(rows), places, generator)
        if donors is None:
            return NotJudged(NOTHING_TO_COPY)
        donors[len(places) // 2 :] = donors[len(places) // 2] if len(places) > 1 else donors
        labels = rows.labels[donors]
        if rows.texts is not None:
            texts = [copy_text(rows.texts[donor], generator) for donor in donors.tolist()]
            return rows.with_inputs(places, texts=texts, labels=labels)
        if rows.features is None:
            return NotJudged("the rows have neither numbers nor text to copy")
        if rows.kind == "image":
            return rows.with_inputs(places, copy_images(rows.features[donors], rows.shape, generator), labels=labels)
        if not can_tell_copies(rows):
            return NotJudged(TOO_ALIKE)
        return rows.with_inputs(places, copy_points(rows, donors, generator), labels=labels)


def _evidence(
    rows: "ScreenRows",
    distinct: "NDArray[np.int64]",
    suspects: "NDArray[np.int64]",
    neighbours: Neighbours,
    groups: Groups,
    looks: Looks,
) -> tuple[dict[int, str], dict[int, tuple[str, ...]]]:
    """Reasons and nearest rows by the places of the dataset."""
    reasons: dict[int, str] = {}
    nearest: dict[int, tuple[str, ...]] = {}
    for suspect in suspects.tolist():
        place = int(distinct[suspect])
        near = [int(distinct[one]) for one in neighbours.nearest[suspect, :SHOWN].tolist() if one >= 0]
        nearest[place] = tuple(rows.row_ids[one] for one in near)
        words = f"near copy of row {nearest[place][0]}, {looks.in_words(float(neighbours.distance[suspect]))}"
        if rows.labels[near[0]] != rows.labels[place]:
            words += f", which is labelled {rows.classes[rows.labels[near[0]]]}"
        if groups.size[suspect] > 2:
            words += f"; one of {groups.size[suspect]} near copies"
        reasons[place] = words
    return reasons, nearest


def _widened(rows: int, distinct: "NDArray[np.int64]") -> "Callable[..., NDArray[Any]]":
    """From the distinct rows to all; exact copies get `rest`."""
    import numpy as np

    def widened(values: "NDArray[Any]", rest: float = 0.0) -> "NDArray[Any]":
        wide = np.full(rows, rest, dtype=values.dtype)
        wide[distinct] = values
        return wide

    return widened
