"""The rows whose membership is examined, as many training rows as others, and the training rows besides them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.sdk import Rows
from tasks.training.rows import row_position, select_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class AuditedRows:
    """rows: first members, then as many others. rest: the other training rows.

    A model trained on `rest` and half of `rows` has seen as many rows as the examined one.
    """

    rows: Rows
    is_member: "NDArray[np.bool_]"
    rest: Rows


def audit_rows(members: Rows, others: Rows, samples: int) -> AuditedRows:
    """At most `samples` of each, equally many, chosen by their ids alone."""
    import numpy as np

    count = min(samples, len(members), len(others))
    order, other_order = _order(members), _order(others)
    rows = join_rows(select_rows(members, order[:count]), select_rows(others, other_order[:count]))
    return AuditedRows(rows, np.arange(2 * count) < count, select_rows(members, order[count:]))


def join_rows(first: Rows, second: Rows) -> Rows:
    """One after the other; rows without weights count fully where the others have some."""
    import numpy as np

    weights = None
    if first.weights is not None or second.weights is not None:
        weights = np.concatenate(
            [np.ones(len(part), np.float32) if part.weights is None else part.weights for part in (first, second)]
        )
    return replace(
        first,
        inputs=np.concatenate([first.inputs, second.inputs]),
        labels=np.concatenate([first.labels, second.labels]),
        row_ids=(*first.row_ids, *second.row_ids),
        weights=weights,
    )


def _order(rows: Rows) -> "NDArray[np.int64]":
    import numpy as np

    return np.argsort([row_position(row_id) for row_id in rows.row_ids], kind="stable")
