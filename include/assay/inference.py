"""Run an ONNX classifier whose bytes were verified: what is hashed is what is handed to ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.digests import sha256_bytes
from assay.errors import IntegrityError, SpecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INPUT, LABEL, PROBABILITIES = "input", "label", "probabilities"
_ROWS_PER_RUN = 1024


@dataclass(frozen=True)
class Predictions:
    """Answers, aligned with the batch. label: int64 (rows,); probabilities: float32 (rows, classes)."""

    label: "NDArray[np.int64]"
    probabilities: "NDArray[np.float32]"


@dataclass(frozen=True)
class TensorShape:
    """A tensor of the served model: ONNX element `type` such as "tensor(float)"; -1 where a size is free."""

    type: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """What a served classifier takes and answers."""

    input: TensorShape
    label: TensorShape
    probabilities: TensorShape


class OnnxModel:
    """A loaded classifier: raw inputs to `Predictions`. Make one with `open_model`.

    threads: inside an operator; 0: as many as cores. One is quickest beside torch, whose threads wait for each other.
    """

    def __init__(self, onnx: bytes, name: str, threads: int = 0) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises many unrelated types for a bad file
            raise SpecError(f"{name}: expected an ONNX model, ONNX Runtime says: {error}; export it again") from error
        self.name = name
        self.signature = _signature(self._session, name)

    def predict(self, batch: Any) -> Predictions:
        """Answers for `batch`: an array (rows, …) of raw inputs, or of strings for a text model.

        Raises SpecError when the batch has another shape than the model takes.
        """
        import numpy as np

        inputs = self.prepared(batch)
        parts = [
            self._session.run([LABEL, PROBABILITIES], {INPUT: inputs[start : start + _ROWS_PER_RUN]})
            for start in range(0, max(len(inputs), 1), _ROWS_PER_RUN)
        ]
        return Predictions(
            label=np.concatenate([part[0] for part in parts]),
            probabilities=np.concatenate([part[1] for part in parts]),
        )

    def prepared(self, batch: Any) -> "NDArray[Any]":
        """`batch` as the model's input tensor: its element type, and (rows, 1) where texts come as (rows,)."""
        import numpy as np

        batch = np.asarray(batch)
        expected = self.signature.input
        if batch.ndim == 1 and len(expected.dims) == 2 and expected.dims[1] == 1:
            batch = batch.reshape(-1, 1)
        fits = batch.ndim == len(expected.dims) and all(
            want in (-1, have) for want, have in zip(expected.dims[1:], batch.shape[1:], strict=True)
        )
        if not fits:
            raise SpecError(f"{self.name}: expected a batch of shape {expected.dims}, found {batch.shape}")
        kind = "object" if expected.type == "tensor(string)" else _NUMPY_TYPES[expected.type]
        prepared: NDArray[Any] = np.ascontiguousarray(batch, dtype=kind)
        return prepared


def open_model(path: Path, sha256: str, name: str, threads: int = 0) -> OnnxModel:
    """The model in `path`. Raises IntegrityError, before anything is parsed, when its bytes are not `sha256`."""
    onnx = path.read_bytes()
    found = sha256_bytes(onnx)
    if found != sha256:
        raise IntegrityError(
            f"{name} ({path.name}): approved sha256 {sha256}, found {found}; "
            "the file was changed: deploy the approved version again or open an incident"
        )
    return OnnxModel(onnx, name, threads)


_NUMPY_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
}


def _signature(session: Any, name: str) -> Signature:
    inputs = {tensor.name: _shape(tensor) for tensor in session.get_inputs()}
    outputs = {tensor.name: _shape(tensor) for tensor in session.get_outputs()}
    if set(inputs) != {INPUT} or not {LABEL, PROBABILITIES} <= set(outputs):
        raise SpecError(
            f"{name}: expected one input `{INPUT}` and outputs `{LABEL}`, `{PROBABILITIES}`, "
            f"found {sorted(inputs)} and {sorted(outputs)}; mend `export_function`"
        )
    if inputs[INPUT].type not in {"tensor(string)", *_NUMPY_TYPES}:
        raise SpecError(f"{name}: inputs of type {inputs[INPUT].type} cannot be served; use float32 or strings")
    return Signature(inputs[INPUT], outputs[LABEL], outputs[PROBABILITIES])


def _shape(tensor: Any) -> TensorShape:
    dims = [size if isinstance(size, int) else -1 for size in tensor.shape]
    return TensorShape(tensor.type, (-1, *dims[1:]))
