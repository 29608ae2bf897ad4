"""Sources that are wrong far more often than their peers: an annotator, a contributor, a feed.

A row counts as wrong where a model that has not seen it prefers another class. A source's share of wrong rows is held
against what its rows would have at its peers' rates, class by class (indirect standardisation), so that whoever labels
the hard classes is not accused for it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 20
LEAST_EXCESS = 0.1
LEAST_RATIO = 2.0
SIGNIFICANCE = 0.001


@dataclass(frozen=True)
class SourceRecord:
    """wrong: the source's share of rows that a model contradicts. expected: what its peers have on such rows.

    p: how probably an honest source is at least so wrong. is_accused: all three bounds are passed.
    """

    name: str
    rows: int
    wrong: float
    expected: float
    p: float
    is_accused: bool


class Sources:
    """Every row of an accused source is quarantined."""

    name = "sources"

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        rows = case.rows
        if rows.sources is None or len(rows.source_names) < 2:
            return NotJudged("sources are judged by their peers: the rows name fewer than two")
        probabilities = case.out_of_fold
        if probabilities is None:
            return NotJudged("the rows have neither numbers nor text that a model could be fitted on")
        records = judge_sources(rows, probabilities.argmax(axis=1))
        worse = np.array([max(record.wrong - record.expected, 0.0) for record in records])
        accused = np.array([record.is_accused for record in records])
        false = np.array([1 - _share_bad(record) for record in records])
        suspect = accused[rows.sources]
        reasons = {int(place): _reason(records[rows.sources[place]], len(records)) for place in np.flatnonzero(suspect)}
        score = np.where(accused, 0.5 + worse / 2, worse / 2)[rows.sources]
        rule = (
            f"a source is wrong {LEAST_RATIO:.0f} times as often as its peers on such rows, by {LEAST_EXCESS:.0%} or "
            f"more, with p below {SIGNIFICANCE}"
        )
        return Finding(score, suspect, suspect, false[rows.sources], reasons, rule)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """A new source whose labels are wrong three times in ten."""
        if rows.sources is None:
            return NotJudged("the rows name no source")
        sources, labels = rows.sources.copy(), rows.labels.copy()
        sources[places] = len(rows.source_names)
        wrong = generator.choice(places, max(round(0.3 * len(places)), 1), replace=False)
        labels[wrong] = (labels[wrong] + generator.integers(1, len(rows.classes), len(wrong))) % len(rows.classes)
        return replace(rows, labels=labels, sources=sources, source_names=(*rows.source_names, "canary"))


def judge_sources(rows: "ScreenRows", predicted: "NDArray[np.int64]") -> list[SourceRecord]:
    """One record a source, in the order of their codes. predicted: (rows,) out-of-fold classes."""
    import numpy as np

    if rows.sources is None:
        return []
    classes, names = len(rows.classes), rows.source_names
    cell = rows.sources * classes + predicted
    counts = np.bincount(cell, minlength=len(names) * classes).reshape(len(names), classes)
    missed = cell[predicted != rows.labels]
    wrong = np.bincount(missed, minlength=len(names) * classes).reshape(len(names), classes)
    # One wrong source must not raise the bar for the next, so a source's peers are all but the worst of the others.
    return [_record(names[code], code, counts, wrong) for code in range(len(names))]


def _record(name: str, code: int, counts: "NDArray[np.int64]", wrong: "NDArray[np.int64]") -> SourceRecord:
    import numpy as np
    from scipy.stats import binom

    others = [peer for peer in range(len(counts)) if peer != code and counts[peer].sum()]
    if len(others) > 1:
        others.remove(max(others, key=lambda peer: wrong[peer].sum() / counts[peer].sum()))
    seen, missed = counts[others].sum(axis=0), wrong[others].sum(axis=0)
    overall = missed.sum() / max(seen.sum(), 1)
    rates = (missed + 10 * overall) / (seen + 10)  # a class that peers hardly saw takes their overall rate
    rows = int(counts[code].sum())
    expected = float((counts[code] * rates).sum() / max(rows, 1))
    share = float(wrong[code].sum() / max(rows, 1))
    p = float(binom.sf(int(wrong[code].sum()) - 1, rows, min(max(expected, 1e-9), 1.0))) if rows else 1.0
    is_accused = (
        rows >= MINIMUM_ROWS
        and share >= LEAST_RATIO * expected
        and share - expected >= LEAST_EXCESS
        and p < SIGNIFICANCE / len(counts)
    )
    return SourceRecord(name, rows, share, expected, p, bool(np.bool_(is_accused)))


def _share_bad(record: SourceRecord) -> float:
    """Of the source's rows, how many are wrong beyond what its peers would be."""
    return max(record.wrong - record.expected, 0.0) / max(1 - record.expected, 1e-9)


def _reason(record: SourceRecord, sources: int) -> str:
    return (
        f"source {record.name}: a model of the other rows contradicts {record.wrong:.0%} of its {record.rows} rows, "
        f"its {sources - 1} peers' rates give {record.expected:.0%}"
    )
