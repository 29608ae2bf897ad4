"""What the stored predictions of a model add to its metrics: who is taken for whom."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import IntegrityError
from assay.json_types import Json, JsonObject
from assay.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_CLASSES = 30
_MOST_PAIRS = 12
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Predictions:
    """Of the holdout."""

    labels: "NDArray[np.int64]"
    predicted: "NDArray[np.int64]"


def read_predictions(sha256: str, store: Store) -> Predictions:
    """Raises IntegrityError when the object is not what its digest says, or no table of predictions."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(store.read(sha256)))
        table = table.filter(pc.equal(table["segment"], "holdout"))
        columns = {name: table[name].to_numpy() for name in ("label", "predicted")}
    except (pa.ArrowInvalid, KeyError) as error:
        raise IntegrityError(f"{store.url(sha256)}: expected a table of predictions, found {error}") from error
    return Predictions(columns["label"], columns["predicted"])


def derive(predictions: Predictions, accuracy: float | None) -> JsonObject:
    """rows, accuracy, matches; confusion by class, None for very many classes; pairs, the most frequent mistakes.

    matches: whether this accuracy is the one that the statement names.
    """
    import numpy as np

    found = float((predictions.labels == predictions.predicted).mean()) if len(predictions.labels) else 0.0
    classes = int(max(predictions.labels.max(initial=0), predictions.predicted.max(initial=0))) + 1
    table = np.bincount(predictions.labels * classes + predictions.predicted, minlength=classes**2)
    confusion = table.reshape(classes, classes)
    return {
        "rows": len(predictions.labels),
        "accuracy": found,
        "matches": accuracy is not None and abs(accuracy - found) <= _TOLERANCE,
        "confusion": confusion.tolist() if classes <= _MOST_CLASSES else None,
        "pairs": _pairs(confusion),
    }


def _pairs(confusion: "NDArray[np.int64]") -> Json:
    """The most frequent mistakes."""
    import numpy as np

    wrong = confusion * (1 - np.eye(len(confusion), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    places = [divmod(int(at), len(confusion)) for at in order]
    return [
        {"label": label, "predicted": predicted, "rows": int(wrong[label, predicted])}
        for label, predicted in places
        if wrong[label, predicted]
    ]
