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

_ROWS_COMPARED = 8
_TOLERANCE = 1e-3
# A quantised value at the edge of a step may fall either way, and drags later ones along.
_TOLERANCE_QUANTISED = 5e-2


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
    from tasks.foreign.score_graph import Head, score_graph

    graph = score_graph(read_onnx(data, name), name)
    module = OnnxModule(graph).eval()  # First: it refuses by name what it does not know.
    query = open_query(graph, threads=threads)
    rows = _random_rows(graph.input.shape)
    scores = _checked_scores(query(rows), name)
    if graph.head is Head.LOGITS and _are_probabilities(scores):
        graph = replace(graph, head=Head.PROBABILITIES)
        module, query = OnnxModule(graph).eval(), open_query(graph, threads=threads)
        scores = query(rows)
    is_quantised = any(node.op_type == "QuantizeLinear" for node in graph.model.graph.node)
    _require_parity(name, module, rows, scores, _TOLERANCE_QUANTISED if is_quantised else _TOLERANCE)
    return ForeignModel(name, module, query, graph.input.shape, graph.input.type, scores.shape[1], digest)


def _open_program(data: bytes, name: str, digest: str) -> ForeignModel:
    from tasks.foreign.program import load_program, query_module

    program = load_program(data, name)
    query = query_module(program.module)
    rows = _random_rows(program.input_shape)
    scores = _checked_scores(query(rows), name)
    _require_parity(name, program.module, rows, scores, _TOLERANCE)
    return ForeignModel(name, program.module, query, program.input_shape, "float32", scores.shape[1], digest)


def _random_rows(shape: tuple[int, ...]) -> "NDArray[np.float32]":
    """Half of them whole numbers as pixels have, half around zero: one of the two is what a model expects."""
    import numpy as np

    generator = np.random.default_rng(0)
    half = _ROWS_COMPARED // 2
    pixels = generator.integers(0, 256, (half, *shape))
    normal = generator.standard_normal((_ROWS_COMPARED - half, *shape))
    rows: NDArray[np.float32] = np.concatenate([pixels, normal]).astype(np.float32)
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
) -> None:
    """Raise IntegrityError unless the module answers `rows` as expected, SpecError when it has no gradient."""
    import numpy as np
    import torch

    inputs = torch.from_numpy(rows).requires_grad_()
    with torch.enable_grad():
        scores = module(inputs)
    if not scores.requires_grad:
        raise SpecError(
            f"{name}: expected scores with a gradient to the rows, found none (a cast to whole numbers on the way?); "
            "attack the model through its queries alone"
        )
    found = scores.detach().numpy()
    allowed = tolerance * max(float(np.ptp(expected)), 1e-6)
    furthest = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    best = np.sort(expected, 1)
    is_clear = best[:, -1] - best[:, -2] > 2 * allowed
    same = found.argmax(1)[is_clear] == expected.argmax(1)[is_clear] if np.isfinite(furthest) else np.zeros(1, bool)
    if not furthest <= allowed or not same.all():
        raise IntegrityError(
            f"{name}: torch and ONNX Runtime differ by {furthest:.3g} on {len(rows)} random rows, allowed are "
            f"{allowed:.3g} ({tolerance:g} of the scores' spread); do not attack this reading of the model: report it"
        )
