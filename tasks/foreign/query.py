"""The same graph on ONNX Runtime: raw rows to class scores, without gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import SpecError
from tasks.foreign.steps import SMALLEST_PROBABILITY, Head

if TYPE_CHECKING:
    from tasks.foreign.score_graph import ScoreGraph

# Rows of float32 (rows, …) to scores of float32 (rows, classes).
Query = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_ROWS_PER_RUN = 256


def open_query(graph: "ScoreGraph", *, threads: int = 1) -> Query:
    """Scores of rows on ONNX Runtime with `threads` threads inside an operator.

    Logits where the graph has them, else the logarithm of its probabilities. Rows of a whole-number input are
    rounded and clipped to its type. Raises SpecError when ONNX Runtime refuses the graph, and the query the same
    when it refuses rows.
    """
    session = _session(graph, threads)
    kind = np.dtype(graph.input.type)

    def query(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, max(len(rows), 1), _ROWS_PER_RUN)
        parts = [_run(session, graph, _as_input(rows[start : start + _ROWS_PER_RUN], kind)) for start in starts]
        return np.concatenate([_scores(part, graph.head) for part in parts])

    return query


def _session(graph: "ScoreGraph", threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        return ort.InferenceSession(graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many unrelated types for a bad graph
        raise SpecError(f"{graph.name}: ONNX Runtime refuses the graph: {error}; export the model again") from error


def _run(session: Any, graph: "ScoreGraph", rows: "NDArray[Any]") -> "NDArray[Any]":
    try:
        found: NDArray[Any] = session.run([graph.output], {graph.input.name: rows})[0]
    except Exception as error:  # as above
        raise SpecError(
            f"{graph.name}: ONNX Runtime refuses rows of shape {rows.shape}: {error}; give rows of shape "
            f"{graph.input.shape}, or export the model with a free batch axis"
        ) from error
    return found


def _as_input(rows: "NDArray[np.float32]", kind: "np.dtype[Any]") -> "NDArray[Any]":
    if kind.kind == "f":
        return np.ascontiguousarray(rows, kind)
    limits = np.iinfo(kind)
    return np.clip(np.rint(rows.astype(np.float64)), limits.min, limits.max).astype(kind)


def _scores(values: "NDArray[Any]", head: Head) -> "NDArray[np.float32]":
    if head is Head.PROBABILITIES:
        values = np.log(np.maximum(values, SMALLEST_PROBABILITY))
    elif head is Head.BINARY_LOGIT and values.size == len(values):
        values = np.stack([np.zeros(len(values)), values.reshape(-1)], 1)
    elif head is Head.OPPOSITE_LOGITS:
        values = values / 2
    return values.astype(np.float32)
