"""Columns whose meaning jumps at a date: a unit that changed, a sensor replaced, a default introduced."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from assay.records import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FEWEST_ROWS = 200
WINDOWS = 20
LEAST_JUMP = 0.6


def judge_time_jumps(frame: "pd.DataFrame", time: str, columns: Collection[str]) -> Check:
    """Fails when a column's values before and after some date hardly overlap, and the step is sudden.

    The jump is the Kolmogorov-Smirnov distance, in [0, 1], of the windows beside the date; a trend moves it little,
    because it compares neighbours. It must also hold between all rows before and all rows after.
    """
    import pandas as pd

    name = "time_jump"
    if not time:
        return Check(name, Verdict.PASSED, "no time column is named (data.time): nothing to order by", None, LEAST_JUMP)
    moments = pd.to_datetime(frame[time], errors="coerce", utc=True)
    if moments.isna().any():
        words = f"{time}: {int(moments.isna().sum())} values are no time; mend the column or data.time"
        return Check(name, Verdict.FAILED, words, None, LEAST_JUMP)
    ordered = frame.assign(**{time: moments}).sort_values(time, kind="stable")
    numbers = [c for c in columns if c != time and c in frame and pd.api.types.is_numeric_dtype(frame[c])]
    if len(ordered) < FEWEST_ROWS or not numbers:
        words = f"needs {FEWEST_ROWS} rows and a column of numbers: nothing to find here"
        return Check(name, Verdict.PASSED, words, None, LEAST_JUMP)
    jumps = {column: largest_jump(ordered[column].to_numpy(dtype="float64")) for column in numbers}
    worst = max(jumps, key=lambda column: jumps[column][0])
    size, place = jumps[worst]
    if size < LEAST_JUMP:
        return Check(name, Verdict.PASSED, f"no column jumps; the largest step is {worst}'s", size, LEAST_JUMP)
    date = ordered[time].iloc[place].date()
    words = (
        f"{worst} changes its meaning at {date}: before and after hardly overlap; mend the column or cut the data there"
    )
    return Check(name, Verdict.FAILED, words, size, LEAST_JUMP)


def largest_jump(values: "NDArray[Any]") -> tuple[float, int]:
    """(size in [0, 1], place) of the largest step of `values` (rows,), which are in the order of time."""
    import numpy as np
    from scipy.stats import ks_2samp

    edges = np.linspace(0, len(values), WINDOWS + 1).astype(int)
    best, where = 0.0, 0
    for index in range(1, WINDOWS):
        before, after = values[edges[index - 1] : edges[index]], values[edges[index] : edges[index + 1]]
        beside = _distance(ks_2samp, before, after)
        if beside > best:
            overall = _distance(ks_2samp, values[: edges[index]], values[edges[index] :])
            if min(beside, overall) > best:
                best, where = min(beside, overall), int(edges[index])
    return best, where


def _distance(test: Any, before: "NDArray[Any]", after: "NDArray[Any]") -> float:
    import numpy as np

    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    return float(test(before, after).statistic) if len(before) and len(after) else 0.0
