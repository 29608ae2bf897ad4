"""A dataset version as rows in memory, and the validation rows inside the training rows."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.dataset import iterate_batches, load_dataset
from assay.digests import sha256_bytes
from assay.errors import SpecError
from assay.records import Subject
from assay.sdk import Rows
from assay.spec import PipelineSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.workbench import Workbench

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class TrainingRows:
    """train: what models are fitted on. validation: what trials are compared on. classes: labels are below it."""

    train: Rows
    validation: Rows
    classes: int


def load_rows(subject: Subject, spec: PipelineSpec, bench: "Workbench") -> Rows:
    """All rows of `subject` through the pipeline's loader. Raises SpecError when there is none."""
    from assay.loaders import open_loader

    version = load_dataset(subject, bench.store)
    rows: Rows = open_loader(spec).load_function(iterate_batches(version, bench.store, bench.workdir), version.label)
    if not len(rows):
        raise SpecError(f"{subject.name}: expected rows, found none; look at the screen's and the split's reports")
    return rows


def split_validation(rows: Rows) -> TrainingRows:
    """About a tenth of `rows` for validation; a row's side follows from its id alone, so it never changes.

    Raises SpecError when fewer than two classes or fewer than 10 rows are there.
    """
    import numpy as np

    classes = int(rows.labels.max()) + 1
    if len(rows) < 10 or len(np.unique(rows.labels)) < 2:
        raise SpecError(f"training needs 10 rows and two classes, found {len(rows)} rows, labels up to {classes - 1}")
    aside = np.array([row_position(row_id) < VALIDATION_SHARE for row_id in rows.row_ids])
    if not aside.any() or aside.all():
        aside = np.arange(len(rows)) % 10 == 0
    return TrainingRows(select_rows(rows, ~aside), select_rows(rows, aside), classes)


def row_position(row_id: str) -> float:
    """A number in [0, 1) that depends on the row id alone, evenly spread over rows."""
    return int(sha256_bytes(row_id.encode())[:12], 16) / 16**12


def select_rows(rows: Rows, chosen: "NDArray[np.bool_] | NDArray[np.int64]") -> Rows:
    """The rows of a mask, or of indices in their order."""
    import numpy as np

    indices = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    return replace(
        rows,
        inputs=rows.inputs[indices],
        labels=rows.labels[indices],
        row_ids=tuple(rows.row_ids[int(index)] for index in indices),
        weights=None if rows.weights is None else rows.weights[indices],
    )
