"""What people want to see of an attack: accuracy over its strength, what is taken for what, and the worst rows."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.attacks.ball import Ball
from tasks.examination.onslaught import short_attack

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

CURVE_ROWS = 200
PICTURES = 12
_WEAKER, _STRONGER = (0.25, 0.5, 0.75), (1.5, 2.0)
_MOST_CLASSES = 50


@dataclass(frozen=True)
class AttackedRows:
    """inputs, adversarial: model space. clean, robust: right before, and after all attacks, on framework and file.

    before, after: the classes answered to both; probability: of the answer to `adversarial`.
    """

    row_ids: tuple[str, ...]
    labels: "NDArray[np.int64]"
    inputs: "NDArray[np.float32]"
    adversarial: "NDArray[np.float32]"
    clean: "NDArray[np.bool_]"
    robust: "NDArray[np.bool_]"
    before: "NDArray[np.int64]"
    after: "NDArray[np.int64]"
    probability: "NDArray[np.float32]"

    def __len__(self) -> int:
        return len(self.row_ids)


def robustness_curve(rows: AttackedRows, module: "torch.nn.Module", ball: Ball, seed: int) -> Json:
    """[{epsilon, robust_accuracy, rows}] on the first 200 rows; at the threat model's own epsilon the full attack.

    Elsewhere a short attack, so an upper bound. What stands at one epsilon stands at all smaller ones.
    """
    part = slice(0, CURVE_ROWS)
    inputs, labels, robust = rows.inputs[part], rows.labels[part], rows.robust[part]
    points = {0.0: float(rows.clean[part].mean()), ball.epsilon: float(robust.mean())}
    standing = robust.copy()
    for factor in reversed(_WEAKER):
        open_rows = rows.clean[part] & ~standing
        standing = standing | _stand(module, inputs, labels, open_rows, Ball(ball.norm, factor * ball.epsilon), seed)
        points[factor * ball.epsilon] = float(standing.mean())
    standing = robust.copy()
    for factor in _STRONGER:
        standing = _stand(module, inputs, labels, standing, Ball(ball.norm, factor * ball.epsilon), seed)
        points[factor * ball.epsilon] = float(standing.mean())
    return [
        {"epsilon": epsilon, "robust_accuracy": accuracy, "rows": len(labels)}
        for epsilon, accuracy in sorted(points.items())
    ]


def _stand(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    asked: "NDArray[np.bool_]",
    ball: Ball,
    seed: int,
) -> "NDArray[np.bool_]":
    """Which of the `asked` rows stand; the others do not count."""
    stood = asked.copy()
    if asked.any():
        stood[asked] = short_attack(module, inputs[asked], labels[asked], ball, seed)
    return stood


def confusions(rows: AttackedRows, classes: int) -> Json:
    """{clean, attacked}: counts by true class and answered class; None where there are more classes than one reads."""
    import numpy as np

    if classes > _MOST_CLASSES:
        return None

    def counted(answers: "NDArray[np.int64]") -> Json:
        table: Json = np.bincount(rows.labels * classes + answers, minlength=classes**2).reshape(classes, -1).tolist()
        return table

    return {"clean": counted(rows.before), "attacked": counted(rows.after)}


def worst_pictures(rows: AttackedRows) -> bytes | None:
    """An NPZ of the fallen images that the model is surest of; None where rows are no images or none fell.

    original, adversarial: uint8 (rows, channels, height, width), 255 being 1. label, before, after, row_id,
    probability: (rows,).
    """
    import numpy as np

    fallen = np.flatnonzero(rows.clean & ~rows.robust)
    if rows.inputs.ndim != 4 or not len(fallen):
        return None
    chosen = fallen[np.argsort(-rows.probability[fallen], kind="stable")[:PICTURES]]
    sink = io.BytesIO()
    np.savez_compressed(
        sink,
        original=(255 * rows.inputs[chosen]).round().astype(np.uint8),
        adversarial=(255 * rows.adversarial[chosen]).round().astype(np.uint8),
        label=rows.labels[chosen],
        before=rows.before[chosen],
        after=rows.after[chosen],
        probability=rows.probability[chosen].astype(np.float32),
        row_id=np.array([rows.row_ids[int(at)] for at in chosen]),
    )
    return sink.getvalue()


def outcomes_parquet(row_ids: tuple[str, ...], clean: "NDArray[np.bool_]", robust: "NDArray[np.bool_]") -> bytes:
    """One row a row: row_id, clean, robust; what a later challenger is compared with."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"row_id": list(row_ids), "clean": clean, "robust": robust}), sink)
    return sink.getvalue()
