"""Facts about a table's columns: how much of the answers rests on each, with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.explanation.explained import Explained, shares

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST, _MOST_BY_CLASS, _MOST_CLASSES, _DRAWS = 40, 5, 20, 300


def column_names(columns: "pa.Table", aside: Sequence[str], inputs: "NDArray[np.float32]") -> list[str]:
    """A name an input, when the dataset's columns besides `aside` are as many and hold the same numbers."""
    import numpy as np

    found = [name for name in columns.column_names if name not in aside]
    if len(found) == inputs.shape[1]:
        return found
    values = {name: _numbers(columns, name) for name in found}
    names = []
    for at in range(inputs.shape[1]):
        same = [name for name, held in values.items() if held is not None and np.array_equal(held, inputs[:, at])]
        names.append(same[0] if same else f"input {at}")
    return names


def _numbers(columns: "pa.Table", name: str) -> "NDArray[np.float32] | None":
    import numpy as np
    import pyarrow as pa

    try:
        numbers: NDArray[np.float32] = np.asarray(columns[name].cast(pa.float64()).to_numpy(), dtype=np.float32)
    except pa.ArrowInvalid:
        return None
    return numbers


def column_facts(explained: Explained, names: Sequence[str], seed: int) -> dict[str, Json]:
    """columns: at most 40, the most important first. by_class: the mean signed effect of the five strongest."""
    import numpy as np

    low, high = share_intervals(explained.values, seed)
    order = np.argsort(-explained.importance, kind="stable")[:_MOST]
    columns: list[Json] = [
        {
            "feature": names[at],
            "importance": round(float(explained.importance[at]), 4),
            "interval": [round(float(low[at]), 4), round(float(high[at]), 4)],
        }
        for at in order
    ]
    by_class: dict[str, Json] = {}
    for one in np.unique(explained.targets)[:_MOST_CLASSES]:
        mean = explained.values[explained.targets == one].mean(axis=0)
        strongest = np.argsort(-np.abs(mean), kind="stable")[:_MOST_BY_CLASS]
        by_class[str(int(one))] = {names[at]: round(float(mean[at]), 4) for at in strongest}
    return {"columns": columns, "by_class": by_class}


def share_intervals(values: "Floats", seed: int) -> "tuple[Floats, Floats]":
    """95 % of each part's share, over rows drawn anew."""
    import numpy as np

    generator = np.random.default_rng(seed)
    drawn = [shares(values[generator.integers(0, len(values), len(values))]) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high
