"""How often a classifier is right, with 95 % confidence intervals: Wilson for shares, bootstrap for the rest."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.json_types import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Interval = tuple[float, float]
_Z95 = 1.959963984540054
_DRAWS = 1000


@dataclass(frozen=True)
class CleanMetrics:
    """values, ci95: accuracy, balanced_accuracy; of two classes also recall, precision, f1, false_positive_rate.

    class_recall, class_prior: one number a class; None where the class has no row.
    """

    rows: int
    values: dict[str, float] = field(default_factory=dict)
    ci95: dict[str, Interval] = field(default_factory=dict)
    class_recall: tuple[float | None, ...] = ()
    class_prior: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {
            "rows": self.rows,
            "metrics": dict(self.values),
            "ci95": {name: list(interval) for name, interval in self.ci95.items()},
            "class_recall": list(self.class_recall),
            "class_prior": list(self.class_prior),
        }


def clean_metrics(labels: "NDArray[np.int64]", predicted: "NDArray[np.int64]", classes: int, seed: int) -> CleanMetrics:
    """All clean numbers of one set of rows. Class 1 is the positive class of two."""
    right = labels == predicted
    recalls = [_share(right[labels == number]) for number in range(classes)]
    values = {"accuracy": float(right.mean()), "balanced_accuracy": _mean([r for r in recalls if r is not None])}
    ci95 = {
        "accuracy": wilson(int(right.sum()), len(right)),
        "balanced_accuracy": _balanced_interval(labels, right, classes, seed),
    }
    if classes == 2:
        _add_binary(values, ci95, labels, predicted, seed)
    prior = tuple(float((labels == number).mean()) for number in range(classes))
    return CleanMetrics(len(labels), values, ci95, tuple(recalls), prior)


def _add_binary(
    values: dict[str, float],
    ci95: dict[str, Interval],
    labels: "NDArray[np.int64]",
    predicted: "NDArray[np.int64]",
    seed: int,
) -> None:
    """recall, precision and false positive rate where they have rows; f1 where anything is or is called positive."""
    import numpy as np

    positive, called = labels == 1, predicted == 1
    shares = (("recall", positive, called), ("precision", called, positive), ("false_positive_rate", ~positive, called))
    for name, group, hits in shares:
        if group.any():
            values[name] = float(hits[group].mean())
            ci95[name] = wilson(int(hits[group].sum()), int(group.sum()))
    table = np.array([(positive & called).sum(), (positive ^ called).sum(), (~positive & ~called).sum()])
    if table[:2].sum():
        values["f1"] = float(2 * table[0] / (2 * table[0] + table[1]))
        drawn = np.random.default_rng(seed).multinomial(len(labels), table / len(labels), size=_DRAWS)
        scores = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1], 1)
        ci95["f1"] = (float(np.quantile(scores, 0.025)), float(np.quantile(scores, 0.975)))


def wilson(hits: int, rows: int, z: float = _Z95) -> Interval:
    """Interval of a share (Wilson 1927), of 95 % unless `z` says otherwise; (0, 1) without rows."""
    if rows == 0:
        return 0.0, 1.0
    share, square = hits / rows, z**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    half = z * (share * (1 - share) / rows + square / (4 * rows**2)) ** 0.5 / (1 + square / rows)
    return max(0.0, centre - half), min(1.0, centre + half)


def _balanced_interval(labels: "NDArray[np.int64]", right: "NDArray[np.bool_]", classes: int, seed: int) -> Interval:
    """Percentile bootstrap within classes: each class's hits are a binomial draw at its measured recall."""
    import numpy as np

    generator = np.random.default_rng(seed)
    sizes = np.array([(labels == number).sum() for number in range(classes)])
    present = sizes > 0
    hits = np.array([right[labels == number].sum() for number in range(classes)])
    drawn = generator.binomial(sizes[present], hits[present] / sizes[present], size=(_DRAWS, int(present.sum())))
    low, high = np.quantile((drawn / sizes[present]).mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _share(right: "NDArray[np.bool_]") -> float | None:
    return float(right.mean()) if len(right) else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
