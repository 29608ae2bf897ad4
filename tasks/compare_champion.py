"""Ask champion and challenger about the same frozen rows, and count where only one of them is right."""

import io
from typing import TYPE_CHECKING

from assay.bundle import ONNX_FILE, load_bundle
from assay.decision import serving_now
from assay.errors import IntegrityError, SpecError
from assay.inference import OnnxModel, open_model
from assay.ledger import LedgerEntry
from assay.policy import Comparison
from assay.records import Subject
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.training.rows import load_rows

if TYPE_CHECKING:
    from assay.sdk import Rows


def compare_champion(request: StepRequest, bench: Workbench, assayed: LedgerEntry | None, rows: str) -> Comparison:
    """The paired counts on the `holdout` or `recent` rows that the assay statement cites.

    The challenger's answers are those of its assay; the champion is asked now, from its verified ONNX
    file, because the holdout may have grown since it was examined.
    """
    serving = serving_now(bench.ledger, request.spec.name)
    if serving is None:
        return Comparison()
    champion = serving.report.inputs["model"]
    name = f"champion version {serving.report.facts['version']}"
    if champion.sha256 == request.input("model").sha256:
        return Comparison(champion=name)
    if assayed is None or rows not in assayed.report.inputs or "predictions" not in assayed.report.facts:
        return Comparison(champion=name, problem=f"the challenger has no answers on {rows}; run the assay step")
    frozen = load_rows(assayed.report.inputs[rows], request.spec, bench)
    try:
        answers = _open(bench, champion, name).predict(frozen.inputs).label
    except SpecError as error:
        problem = f"the champion cannot read these rows ({error}); cut it out if the challenger shall replace it"
        return Comparison(champion=name, problem=problem)
    return _count(name, frozen, answers == frozen.labels, _challenger_is_right(bench, assayed, frozen))


def open_champion(pipeline: str, bench: Workbench) -> OnnxModel | None:
    """What serves now, its bytes verified; None where nothing does."""
    serving = serving_now(bench.ledger, pipeline)
    if serving is None:
        return None
    return _open(bench, serving.report.inputs["model"], f"champion version {serving.report.facts['version']}")


def _open(bench: Workbench, champion: Subject, name: str) -> OnnxModel:
    file = load_bundle(champion, bench.store).file(ONNX_FILE)
    path = bench.store.fetch(file.sha256, bench.workdir / "champion.onnx")
    return open_model(path, file.sha256, name)


def _challenger_is_right(bench: Workbench, assayed: LedgerEntry, frozen: "Rows") -> list[bool]:
    import pyarrow.parquet as pq

    digest = str(assayed.report.facts["predictions"])
    table = pq.read_table(io.BytesIO(bench.store.read(digest)), columns=["row_id", "label", "predicted"])
    known = {row_id: (label, predicted) for row_id, label, predicted in zip(*table.to_pydict().values(), strict=True)}
    rights = []
    for row_id, label in zip(frozen.row_ids, frozen.labels.tolist(), strict=True):
        if row_id not in known or known[row_id][0] != label:
            raise IntegrityError(
                f"predictions {digest[:12]}: expected an answer for row {row_id} with label {label}, "
                f"found {known.get(row_id)}; the assay statement does not fit its holdout: open an incident"
            )
        rights.append(known[row_id][1] == label)
    return rights


def _count(name: str, frozen: "Rows", champion: object, challenger: list[bool]) -> Comparison:
    import numpy as np

    old, new = np.asarray(champion, dtype=bool), np.asarray(challenger, dtype=bool)
    return Comparison(len(frozen), int((new & ~old).sum()), int((old & ~new).sum()), name)
