"""Rows far from all others: along the principal components, away from their plane, or by one number of a table.

Cut-off of the distances: the quantile 1 - half the tolerated rate of a log-normal law through the distances' median and
the wider of their 75 and 90 % quantiles, beyond the components' plane also of their 95 % quantile, which few bad rows
can move, times a safety factor. That is why one row in a hundred is planted as a canary, not more. Components that
hardly vary (a corner pixel that is rarely inked) count with a floor. A table's numbers are judged one by one as well,
each by its own tail (`column_excess`): among heavy tails no distance tells that one row is 480 years old.
"""

from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 50
SAFETY_FACTOR = 1.5
SPREAD_FLOOR = 0.1
LEVELS = (0.75, 0.9)
TAIL = (0.9, 0.97)
FEWEST_MOVED = 100
OF_THE_RATE = 0.5
BATCH = 65_536


class Outliers:
    """Every suspect is quarantined."""

    name = "outliers"
    canary_share = 0.01

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        rows, rate = case.rows, case.false_quarantine_rate * OF_THE_RATE
        if len(rows) < MINIMUM_ROWS:
            return NotJudged(f"distances need {MINIMUM_ROWS} rows to be judged, found {len(rows)}")
        space = case.space
        if space is None:
            return NotJudged("the rows have neither numbers nor text that distances could be measured in")
        ratio = _excess(_distance(space.points), rate)
        if space.left_out is not None:
            ratio = np.maximum(ratio, _excess(np.sqrt(space.left_out), rate, (*LEVELS, 0.95)))
        alone, value = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.float32)
        if rows.kind == "tabular" and rows.features is not None:
            alone, value = column_excess(rows.features[:, : rows.numbers], rate)
        reasons = {int(place): _reason(ratio[place], alone[place], value[place])
                   for place in np.flatnonzero(np.maximum(ratio, alone) > 1)}  # fmt: skip
        ratio = np.maximum(ratio, alone)
        suspect = ratio > 1
        rule = f"{SAFETY_FACTOR} times as far as the robust {1 - rate:.2%} quantile of the distances, or of a column"
        return Finding(ratio / (1 + ratio), suspect, suspect, np.full(len(rows), rate), reasons, rule)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Noise over the whole range of the values; for texts, characters at random."""
        import numpy as np

        if rows.texts is not None:
            lengths = [max(len(rows.texts[place]), 200) for place in places.tolist()]
            return rows.with_inputs(places, texts=["".join(map(chr, generator.integers(1, 128, n))) for n in lengths])
        if rows.features is None:
            return NotJudged("the rows have no numbers to disturb")
        low, high = rows.features.min(axis=0), rows.features.max(axis=0)
        if rows.kind == "image":
            low, high = low.min(), high.max()
        width = np.maximum(high - low, 1e-6) * (1 if rows.kind == "image" else 10)
        noise = low + width * generator.random((len(places), rows.features.shape[1]))
        return rows.with_inputs(places, features=noise.astype(np.float32))


def column_excess(numbers: "NDArray[np.float32]", rate: float) -> "tuple[NDArray[np.float64], NDArray[np.float32]]":
    """(rows,) each: the most by which a number exceeds its column's cut-off, as a ratio, and that number.

    The cut-off carries on the tail between the 90 and 97 % quantiles of the deviations from the median as a power law
    (Hill 1975), to the rate shared among the columns. Where more rows than the rate lie beyond it they are a mode of
    the data, and nobody is accused.
    """
    import numpy as np

    excess, value = np.zeros(len(numbers)), np.zeros(len(numbers), dtype=np.float32)
    for column in numbers.T:
        away = np.abs(column - np.median(column))
        moved = away[away > 0]
        if len(moved) < FEWEST_MOVED:
            continue
        near, far = np.quantile(moved, TAIL)
        reach = np.log((1 - TAIL[1]) * numbers.shape[1] / rate) / np.log((1 - TAIL[0]) / (1 - TAIL[1]))
        beyond = away / (SAFETY_FACTOR * far * (far / near) ** reach)
        if (beyond > 1).sum() > rate * len(numbers):
            continue
        farther = beyond > excess
        excess[farther], value[farther] = beyond[farther], column[farther]
    return excess, value


def _reason(distance: float, alone: float, value: float) -> str:
    if alone > distance:
        return f"its {value:g} lies {alone:.1f} times as far from the other values of its column as the cut-off"
    return f"{distance:.1f} times as far from the other rows as the cut-off"


def _distance(points: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """(rows,): root mean square over the components, each by its own law."""
    import numpy as np

    middle, spread = _law(points)
    distance = np.empty(len(points))
    for start in range(0, len(points), BATCH):
        apart = (points[start : start + BATCH] - middle) / spread
        distance[start : start + BATCH] = np.sqrt((apart**2).mean(axis=1))
    return distance


def _law(points: "NDArray[np.float32]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Each component's median and half the width of its middle 68 %, floored."""
    import numpy as np

    laws = [np.percentile(points[:, place].astype(np.float64), (16, 50, 84)) for place in range(points.shape[1])]
    low, middle, high = np.array(laws).T
    spread = (high - low) / 2
    return middle, np.maximum(spread, max(SPREAD_FLOOR * float(spread.max()), 1e-9))


def _excess(distance: "NDArray[np.float64]", rate: float, levels: tuple[float, ...] = LEVELS) -> "NDArray[np.float64]":
    """Distance over its cut-off."""
    import numpy as np
    from scipy.stats import norm

    middle, *upper = np.quantile(np.log(np.maximum(distance, 1e-9)), (0.5, *levels))
    spread = max((value - middle) / float(norm.ppf(level)) for value, level in zip(upper, levels, strict=True))
    reach = float(norm.ppf(1 - min(max(rate, 1e-6), 0.5)))
    return np.asarray(distance / (np.exp(middle + reach * spread) * SAFETY_FACTOR))
