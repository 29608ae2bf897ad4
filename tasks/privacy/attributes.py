"""How much better an attribute of a row is guessed with a model's answer than without (Fredrikson et al. 2014).

The guesser is boosted trees, cross-validated; first it sees the row's other columns alone, then the probabilities and
the label as well. Told is the difference: what the other columns give away anyway is not the model's doing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.json_types import JsonObject
from tasks.examination.clean import Interval
from tasks.examination.groups import group_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

SMALLEST_GROUP = 30
MOST_ROWS = 5000
LEAST_OF_ANSWER = 0.95
_MOST_GROUPS = 20
_FOLDS = 5
_TREES, _LEAVES, _RATE = 40, 8, 0.2
_DRAWS = 2000
_MOST_CATEGORIES = 50


@dataclass(frozen=True)
class AttributeLeak:
    """without, with_answers: balanced accuracy in [0, 1] of guessing the group. advantage: the second less the first.

    told: the same when the answer is the attribute itself; low, when the guesser is blind. left_out: small groups.
    """

    column: str
    rows: int
    groups: tuple[str, ...]
    left_out: tuple[str, ...]
    without: float
    with_answers: float
    ci95: Interval
    told: float

    @property
    def advantage(self) -> float:
        return self.with_answers - self.without

    def to_json(self) -> JsonObject:
        return {
            "rows": self.rows,
            "groups": list(self.groups),
            "left_out": list(self.left_out),
            "without_answers": self.without,
            "with_answers": self.with_answers,
            "advantage": self.advantage,
            "ci95": list(self.ci95),
            "canary": {"balanced_accuracy": self.told, "needed": LEAST_OF_ANSWER},
        }


def guess_attribute(column: str, columns: "pa.Table", answers: "Floats", seed: int) -> AttributeLeak | str:
    """answers: (rows, classes) probabilities, aligned with `columns`; or why the column makes no groups."""
    import numpy as np

    groups = group_rows(column, columns[column])
    sizes = np.bincount(groups.codes[groups.codes >= 0], minlength=len(groups.names))
    large = np.flatnonzero(sizes >= SMALLEST_GROUP)
    if len(groups.names) > _MOST_GROUPS:
        return f"{column!r} has {len(groups.names)} values, at most {_MOST_GROUPS} make groups; collect it coarser"
    if len(large) < 2:
        found = ", ".join(f"{name} has {size}" for name, size in zip(groups.names, sizes, strict=True)) or "none"
        return f"needs two groups of {column!r} with {SMALLEST_GROUP} rows each: {found}"
    places = np.flatnonzero(np.isin(groups.codes, large))
    places = np.sort(np.random.default_rng(seed).permutation(places)[:MOST_ROWS])
    codes = np.searchsorted(large, groups.codes[places])
    others, words = other_columns(columns.drop_columns([column]))
    others, given = others[places], np.column_stack([answers, answers.argmax(1)])[places]
    without = _guesses(others, words, codes, seed) == codes
    with_answers = _guesses(np.column_stack([others, given]), words, codes, seed) == codes
    told = _guesses(np.column_stack([others, np.eye(len(large))[codes]]), words, codes, seed) == codes
    return AttributeLeak(
        column,
        len(places),
        tuple(groups.names[at] for at in large),
        tuple(groups.names[at] for at in range(len(sizes)) if at not in large),
        _balanced(without, codes),
        _balanced(with_answers, codes),
        difference_interval(without, with_answers, codes, seed),
        _balanced(told, codes),
    )


def other_columns(columns: "pa.Table") -> tuple["Floats", list[int]]:
    """float64 (rows, columns), and which of them are words with few values; nan where a value is missing."""
    import numpy as np

    found = [_numbers(columns[name]) for name in columns.column_names]
    words = [at for at, (_, is_words) in enumerate(found) if is_words]
    made = np.column_stack([values for values, _ in found]) if found else np.zeros((columns.num_rows, 0))
    return made, words


def difference_interval(
    without: "NDArray[np.bool_]", with_answers: "NDArray[np.bool_]", codes: "Codes", seed: int
) -> Interval:
    """95 % interval of the difference of balanced accuracies, paired: percentile bootstrap over the rows of a group."""
    import numpy as np

    generator, spread = np.random.default_rng(seed), []
    for code in np.unique(codes):
        gained = with_answers[codes == code].astype(np.int64) - without[codes == code]
        counts = np.array([(gained == step).sum() for step in (-1, 0, 1)])
        drawn = generator.multinomial(len(gained), counts / len(gained), size=_DRAWS)
        spread.append((drawn[:, 2] - drawn[:, 0]) / len(gained))
    low, high = np.quantile(np.mean(spread, axis=0), [0.025, 0.975])
    return float(low), float(high)


def _guesses(known: "Floats", words: list[int], codes: "Codes", seed: int) -> "Codes":
    """(rows,): each row's group as guessed by trees that saw the other folds."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if known.shape[1] == 0:
        return np.full(len(codes), np.bincount(codes).argmax())
    trees = HistGradientBoostingClassifier(
        max_iter=_TREES,
        max_leaf_nodes=_LEAVES,
        learning_rate=_RATE,
        min_samples_leaf=10,
        categorical_features=words or None,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(trees, known, codes, cv=folds))


def _balanced(right: "NDArray[np.bool_]", codes: "Codes") -> float:
    import numpy as np

    return float(np.mean([right[codes == code].mean() for code in np.unique(codes)]))


def _numbers(values: "pa.ChunkedArray") -> tuple["Floats", bool]:
    """As float64; words by the order of their frequency, and whether they are few enough to be taken as words."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64), False
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _numbers(values.cast(pa.timestamp("us"), safe=False).cast(pa.int64()))
    words = pa.chunked_array([[None if one is None else str(one) for one in values.to_pylist()]], pa.string())
    counted = pc.value_counts(words.drop_null()).to_pylist()
    order = [one["values"] for one in sorted(counted, key=lambda one: (-one["counts"], one["values"]))]
    codes = pc.index_in(words, pa.array(order, pa.string())).cast(pa.float64())
    return np.asarray(codes.to_numpy(), dtype=np.float64), len(order) <= _MOST_CATEGORIES
