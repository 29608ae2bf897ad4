"""Open a model made elsewhere: checked before it is loaded, then checked to answer as ONNX Runtime does."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.digests import sha256_bytes
from assay.errors import IntegrityError, SpecError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.foreign.query import Query
    from tasks.foreign.steps import Head

_ROWS_COMPARED = 8
_TOLERANCE = 1e-3
# A value at the edge of a quantisation step, or of a half's last bit, may fall either way and drags others along.
_TOLERANCE_COARSE = 5e-2


@dataclass(frozen=True)
class ForeignModel:
    """A classifier under attack, by gradients (`module`) and by queries (`query`): both raw rows to logits.

    input_shape: of one row. input_type: NumPy's name of what the graph takes; `module` and `query` take float32.
    """

    name: str
    module: "torch.nn.Module"
    query: "Query"
    input_shape: tuple[int, ...]
    input_type: str
    classes: int
    sha256: str


def open_foreign(path: Path, *, threads: int = 1) -> ForeignModel:
    """The model in `path`, an ONNX file or a program of `torch.export.save`; its content says which.

    threads: of ONNX Runtime, inside an operator. Raises SpecError for a file that is neither, or has something
    that is not allowed or not supported; IntegrityError when torch and ONNX Runtime read it differently.
    """
    data = path.read_bytes()
    name, digest = path.name, sha256_bytes(data)
    if data.startswith(b"PK\x03\x04"):
        return _open_program(data, name, digest)
    if data.startswith(b"\x80"):
        raise SpecError(
            f"{name}: expected an ONNX model or a program of torch.export.save, found a pickle, which runs code "
            "when it is loaded; export the model with torch.onnx.export or torch.export.save"
        )
    return _open_onnx(data, name, digest, threads)


def _open_onnx(data: bytes, name: str, digest: str, threads: int) -> ForeignModel:
    from tasks.foreign.onnx_file import read_onnx
    from tasks.foreign.onnx_module import OnnxModule
    from tasks.foreign.query import open_query
    from tasks.foreign.score_graph import is_coarse, score_graph
    from tasks.foreign.steps import Head

    graph = score_graph(read_onnx(data, name), name)
    module = OnnxModule(graph).eval()  # First: it refuses by name what it does not know.
    query = open_query(graph, threads=threads)
    rows = _random_rows(graph.input.shape, graph.input.type)
    scores = _checked_scores(query(rows), name)
    if graph.head is Head.LOGITS and _are_probabilities(scores):
        graph = replace(graph, head=Head.PROBABILITIES)
        module, query = OnnxModule(graph).eval(), open_query(graph, threads=threads)
        scores = query(rows)
    tolerance = _TOLERANCE_COARSE if is_coarse(graph) else _TOLERANCE
    _require_parity(name, module, rows, scores, tolerance, graph.head)
    return ForeignModel(name, module, query, graph.input.shape, graph.input.type, scores.shape[1], digest)


def _open_program(data: bytes, name: str, digest: str) -> ForeignModel:
    from tasks.foreign.program import load_program, of_probabilities, query_program
    from tasks.foreign.steps import Head

    program = load_program(data, name)
    shape, kind = program.plan.input_shape, program.plan.input_type
    query = query_program(program)
    rows = _random_rows(shape, kind)
    scores = _checked_scores(query(rows), name)
    if program.head is Head.LOGITS and _are_probabilities(scores):
        program = of_probabilities(program)
        query = query_program(program)
        scores = query(rows)
    # The same arithmetic twice: what differs draws at random, or changes itself.
    _require_parity(name, program.module, rows, scores, _TOLERANCE, program.head)
    return ForeignModel(name, program.module, query, shape, kind, scores.shape[1], digest)


def _random_rows(shape: tuple[int, ...], kind: str) -> "NDArray[np.float32]":
    """Whole numbers as pixels have; for an input of floats half of the rows lie around zero instead."""
    import numpy as np

    generator = np.random.default_rng(0)
    rows: NDArray[np.float32] = generator.integers(0, 128, (_ROWS_COMPARED, *shape)).astype(np.float32)
    if np.dtype(kind).kind == "f":
        rows[::2] = generator.standard_normal((_ROWS_COMPARED // 2, *shape))
    return rows


def _checked_scores(scores: "NDArray[np.float32]", name: str) -> "NDArray[np.float32]":
    import numpy as np

    if scores.ndim != 2 or len(scores) != _ROWS_COMPARED or scores.shape[1] < 2:
        raise SpecError(
            f"{name}: expected scores of shape (rows, classes) for two classes or more, found {scores.shape} "
            f"for {_ROWS_COMPARED} rows; export the classifier's logits"
        )
    if not np.isfinite(scores).all():
        raise SpecError(f"{name}: expected finite scores, found NaN or infinity on random rows; mend the model")
    return scores


def _are_probabilities(scores: "NDArray[np.float32]") -> bool:
    import numpy as np

    return bool((scores >= 0).all() and (scores <= 1).all() and np.allclose(scores.sum(1), 1, atol=1e-3))


def _require_parity(
    name: str,
    module: "torch.nn.Module",
    rows: "NDArray[np.float32]",
    expected: "NDArray[np.float32]",
    tolerance: float,
    head: "Head",
) -> None:
    """Raise IntegrityError unless the module answers `rows` as expected, SpecError when it has no gradient."""
    import numpy as np

    from tasks.foreign.steps import Head

    found = _require_gradient(name, module, rows).detach().numpy()
    if head is Head.PROBABILITIES:  # The logarithm of what is nearly nothing is mostly rounding.
        found, expected = np.exp(found), np.exp(expected)
    allowed = tolerance * max(float(np.ptp(expected)), 1e-6)
    furthest = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    best = np.sort(expected, 1)
    is_clear = best[:, -1] - best[:, -2] > 2 * allowed
    same = found.argmax(1)[is_clear] == expected.argmax(1)[is_clear] if np.isfinite(furthest) else np.zeros(1, bool)
    if not furthest <= allowed or not same.all():
        raise IntegrityError(
            f"{name}: the module differs from the model's own answers by {furthest:.3g} on {len(rows)} random rows, "
            f"allowed are {allowed:.3g} ({tolerance:g} of the scores' spread); do not trust attacks on it: report it"
        )


def _require_gradient(name: str, module: "torch.nn.Module", rows: "NDArray[np.float32]") -> "torch.Tensor":
    """The module's scores of `rows`, which have a gradient; it may be zero, as behind rounding."""
    import torch

    inputs = torch.from_numpy(rows.copy()).requires_grad_()
    with torch.enable_grad():
        scores: torch.Tensor = module(inputs)
    if not scores.requires_grad:
        raise SpecError(
            f"{name}: expected scores with a gradient to the rows, found none (a cast to whole numbers on the way?); "
            "attack the model through its queries alone"
        )
    return scores
