"""What becomes of rows whose only fault is their label: dropped, given the label all evidence names, or weighed less.

Rows that any other detector keeps out are dropped whatever the spec says: a triggered row with a mended label is still
a triggered row. Mended rows train the model, but never judge it: the split holds out untouched rows only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.screening.label_issues import LabelIssues
from tasks.screening.screening import Screening

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from assay.workbench import Workbench

LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class Cleaning:
    """kept: (rows,), admitted. weights: (rows,) float32 in (0, 1], or None when all count alike.

    labels: new class names by place.
    """

    kept: "NDArray[np.bool_]"
    weights: "NDArray[np.float32] | None" = None
    labels: Mapping[int, str] = field(default_factory=dict)


def clean_rows(screening: Screening, choice: str) -> Cleaning:
    """choice: `drop`, `relabel` or `down_weight`.

    relabel: where a model of the other rows is as confident of one class as it is on average of rows that bear that
    label (the threshold of confident learning, Northcutt et al. 2021); the row counts with that probability against the
    runner-up, the rest is dropped. down_weight: the row counts with the probability of its label, at least 5 %.
    """
    import numpy as np

    kept = ~screening.quarantined
    mislabelled = _only_mislabelled(screening)
    probabilities = screening.case.out_of_fold if choice != "drop" and mislabelled.any() else None
    if probabilities is None:
        return Cleaning(kept)
    rows = screening.case.rows
    weights = np.ones(len(rows), dtype=np.float32)
    if choice == "down_weight":
        given = probabilities[np.arange(len(rows)), rows.labels]
        weights[mislabelled] = np.clip(given[mislabelled], LEAST_WEIGHT, 1.0)
        return Cleaning(kept | mislabelled, weights)
    preferred, best = probabilities.argmax(axis=1), probabilities.max(axis=1)
    sure = mislabelled & (best >= _usual_confidence(probabilities, rows.labels)[preferred])
    runner_up = np.partition(probabilities, -2, axis=1)[:, -2]
    weights[sure] = (best / (best + runner_up))[sure]
    labels = {int(place): rows.classes[preferred[place]] for place in np.flatnonzero(sure)}
    return Cleaning(kept | sure, weights, labels)


def _usual_confidence(probabilities: "NDArray[np.float64]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(classes,): the mean probability of a class over the rows that bear it."""
    import numpy as np

    given = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    return np.asarray(np.bincount(labels, given, probabilities.shape[1]) / np.maximum(counts, 1))


def mended_facts(screening: Screening, cleaning: Cleaning, bench: "Workbench") -> dict[str, Json]:
    """How many rows were mended, and the digest of a Parquet file of them: row_id, label, new_label, weight."""
    import pyarrow.parquet as pq

    if cleaning.weights is None:
        return {"mended": 0}
    table, path = _mended_rows(screening, cleaning), bench.workdir / "mended.parquet"
    pq.write_table(table, path)
    return {"mended": table.num_rows, "mended_rows": bench.store.put_file(path)}


def _mended_rows(screening: Screening, cleaning: Cleaning) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    rows = screening.case.rows
    places = [] if cleaning.weights is None else np.flatnonzero(screening.quarantined & cleaning.kept).tolist()
    lines = [
        {
            "row_id": rows.row_ids[place],
            "label": rows.classes[rows.labels[place]],
            "new_label": cleaning.labels.get(place, rows.classes[rows.labels[place]]),
            "weight": float(cleaning.weights[place]) if cleaning.weights is not None else 1.0,
        }
        for place in places
    ]
    names = ("row_id", "label", "new_label")
    schema = pa.schema([*((name, pa.string()) for name in names), ("weight", pa.float64())])
    return pa.Table.from_pylist(lines, schema=schema)


def _only_mislabelled(screening: Screening) -> "NDArray[np.bool_]":
    import numpy as np

    found = screening.findings.get(LabelIssues.name)
    if found is None:
        return np.zeros(len(screening.case.rows), dtype=bool)
    alone = found.quarantined & screening.quarantined
    for name, other in screening.findings.items():
        if name != LabelIssues.name:
            alone = alone & ~other.quarantined
    return np.asarray(alone)
