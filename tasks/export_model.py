"""Export the candidate to ONNX, preprocessing inside, and prove that both give the same answers on real rows.

The product cites the candidate's digest, so what is served is bound to what was trained.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.bundle import ONNX_FILE, save_bundle
from assay.digests import sha256_file
from assay.inference import OnnxModel, open_model
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.sdk import Rows, TrainableModel
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.training.candidate import load_candidate
from tasks.training.rows import load_rows, row_position, select_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARITY_ROWS = 2000
_MOST_LABEL_TIES = 0.001
_TRITON_TYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(uint8)": "UINT8",
    "tensor(int64)": "INT64",
    "tensor(string)": "BYTES",
}


@dataclass(frozen=True)
class Parity:
    """rows compared; largest difference of a probability; share of rows whose label differs."""

    rows: int
    max_difference: float
    label_disagreement: float


def export_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Product `model`, form onnx. Verdict FAILED when the file's answers differ from the framework's.

    facts: onnx_sha256, max_difference, label_disagreement, rows, input {name, dtype, shape}, classes.
    """
    candidate, holdout = request.input("candidate"), request.input("holdout")
    model, made = load_candidate(candidate, request.spec, bench)
    folder = Path(tempfile.mkdtemp(prefix="onnx-", dir=bench.workdir))
    path = folder / ONNX_FILE
    model.export_function(path)
    sha256 = sha256_file(path)
    served = open_model(path, sha256, f"model/{request.spec.name}")
    rows = compared_rows(load_rows(holdout, request.spec, bench))
    parity = measure_parity(model, served, rows)
    classes = int(str(made.facts["classes"]))
    checks = _checks(parity, served, rows, classes, request.spec.deploy.max_export_difference)
    facts: dict[str, Json] = {
        "classes": classes,
        "input": describe_input(served),
        "onnx_sha256": sha256,
        "trained_on": made.facts["trained_on"],
        "candidate": candidate.sha256,
    }
    subject = save_bundle(request.spec.name, "onnx", folder, bench.store, facts=facts, exported_from=candidate.sha256)
    bench.say(
        f"export: {path.stat().st_size} bytes, largest difference {parity.max_difference:.2g} on {parity.rows} rows"
    )
    return StepReport(
        step=Step.EXPORT,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        products={"model": subject},
        inputs={"candidate": candidate, "holdout": holdout},
        checks=checks,
        facts={
            **facts,
            "rows": parity.rows,
            "max_difference": parity.max_difference,
            "label_disagreement": parity.label_disagreement,
        },
    )


def compared_rows(rows: Rows) -> Rows:
    """At most `PARITY_ROWS` rows, chosen by their ids alone."""
    import numpy as np

    if len(rows) <= PARITY_ROWS:
        return rows
    return select_rows(rows, np.argsort([row_position(row_id) for row_id in rows.row_ids])[:PARITY_ROWS])


def measure_parity(model: TrainableModel, served: OnnxModel, rows: Rows) -> Parity:
    """Framework against ONNX Runtime on the same raw rows."""
    import numpy as np

    framework = model.predict_function(rows.inputs)
    answers = served.predict(rows.inputs)
    return Parity(
        rows=len(rows),
        max_difference=float(np.abs(framework - answers.probabilities).max()),
        label_disagreement=float((framework.argmax(1) != answers.label).mean()),
    )


def describe_input(served: OnnxModel) -> dict[str, Json]:
    """The input tensor in Triton's words; -1 where a size is free."""
    tensor = served.signature.input
    return {"name": "input", "dtype": _TRITON_TYPES[tensor.type], "shape": list(tensor.dims)}


def _checks(parity: Parity, served: OnnxModel, rows: Rows, classes: int, bound: float) -> tuple[Check, ...]:
    same = parity.max_difference <= bound
    tied = parity.label_disagreement <= _MOST_LABEL_TIES
    return (
        _contract_check(served, rows.inputs, classes),
        Check(
            "same probabilities",
            _verdict(same),
            f"ONNX Runtime against the framework on {parity.rows} holdout rows",
            measured=parity.max_difference,
            threshold=bound,
        ),
        Check(
            "same labels",
            _verdict(tied),
            f"share of {parity.rows} holdout rows with another label; ties of two probabilities may differ",
            measured=parity.label_disagreement,
            threshold=_MOST_LABEL_TIES,
        ),
    )


def _contract_check(served: OnnxModel, inputs: "NDArray[Any]", classes: int) -> Check:
    """`label` INT64 (rows,), `probabilities` FP32 (rows, classes), the same alone as in a batch."""
    import numpy as np

    batch, alone = served.predict(inputs[:3]), served.predict(inputs[:1])
    found = f"label {batch.label.dtype} {batch.label.shape}, probabilities {batch.probabilities.dtype} "
    found += f"{batch.probabilities.shape}, one row alone {alone.probabilities.shape}"
    rows = min(3, len(inputs))
    fits = (
        batch.label.dtype == np.int64
        and batch.label.shape == (rows,)
        and batch.probabilities.dtype == np.float32
        and batch.probabilities.shape == (rows, classes)
        and bool(np.allclose(batch.probabilities[:1], alone.probabilities, atol=1e-5))
    )
    return Check("serving contract", _verdict(fits), f"expected label int64 ({rows},), probabilities float32; {found}")


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASSED if holds else Verdict.FAILED
