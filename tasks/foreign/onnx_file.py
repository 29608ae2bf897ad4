"""An ONNX file's bytes become a graph that is safe to run: known operators, own finite weights, one float input.

Nothing of the file is run here. Everything that is refused names what to mend.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from tasks.scanning.finding import Refused
from tasks.scanning.onnx_graph import walk_model
from tasks.scanning.region import in_memory

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

_OLDEST_OPSET = 7  # before it, broadcasting was an attribute
_INPUT_TYPES = {"float32", "float64", "float16", "uint8", "int8", "int16", "uint16", "int32", "int64"}


@dataclass(frozen=True)
class GraphInput:
    """The one tensor a graph takes: NumPy name of its element type, and its shape without the rows."""

    name: str
    type: str
    shape: tuple[int, ...]


def read_onnx(data: bytes, name: str) -> "onnx.ModelProto":
    """The model in `data`. Raises SpecError when it is no ONNX, or has what a served graph must not have."""
    model = _parsed(data, name)
    # Before the checker, which would look for files that the model names.
    problems = _problems(data)
    if problems:
        raise SpecError(
            f"{name}: expected known operators and weights inside the file, found {'; '.join(problems[:5])}; "
            "export again with standard operators and external_data=False"
        )
    if model.functions:
        functions = ", ".join(sorted(function.name for function in model.functions))
        raise SpecError(f"{name}: expected plain operators, found functions {functions}; inline them (onnx.inliner)")
    _require_valid(model, name)
    _require_opset(model, name)
    _require_finite(model, name)
    return model


def opset_of(model: "onnx.ModelProto") -> int:
    """Version of the operator set ai.onnx."""
    return max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=1)


def graph_input(model: "onnx.ModelProto", name: str) -> GraphInput:
    """The graph's input. Raises SpecError unless it is one numeric tensor whose first axis alone is free."""
    from onnx import TensorProto, helper

    held = {tensor.name for tensor in model.graph.initializer}
    taken = [value for value in model.graph.input if value.name not in held]
    if len(taken) != 1 or not taken[0].type.HasField("tensor_type"):
        names = [value.name for value in taken]
        raise SpecError(f"{name}: expected one tensor as input, found {names}; export a model of one input")
    tensor = taken[0].type.tensor_type
    kind = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if kind not in _INPUT_TYPES:
        found = "text: gradients cannot move words" if tensor.elem_type == TensorProto.STRING else kind
        raise SpecError(f"{name}: input `{taken[0].name}`: expected numbers, found {found}; export a numeric input")
    return GraphInput(taken[0].name, kind, _row_shape(taken[0].name, tensor, name))


def _row_shape(tensor_name: str, tensor: Any, name: str) -> tuple[int, ...]:
    if not tensor.HasField("shape") or len(tensor.shape.dim) < 2:
        raise SpecError(
            f"{name}: input `{tensor_name}`: expected rows and at least one more axis of known size, found "
            f"{len(tensor.shape.dim)} axes; export with an example input of full shape"
        )
    rows, *rest = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    if rows > 0:
        raise SpecError(
            f"{name}: input `{tensor_name}`: expected a free batch axis, found it fixed at {rows}; "
            "export with dynamic_shapes (or dynamic_axes) for axis 0"
        )
    free = [axis for axis, size in enumerate(rest, start=1) if size < 1]
    if free:
        raise SpecError(
            f"{name}: input `{tensor_name}`: expected only axis 0 free, found axes {free} free as well; "
            "fix their sizes (onnx.tools.update_model_dims) or export with only the batch axis dynamic"
        )
    return tuple(rest)


def _parsed(data: bytes, name: str) -> "onnx.ModelProto":
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf raises many unrelated types
        raise SpecError(
            f"{name}: expected an ONNX model or a program of torch.export.save, found neither; "
            "export the model with torch.onnx.export or torch.export.save"
        ) from error
    return model


def _problems(data: bytes) -> list[str]:
    """What `assay scan` finds in the same bytes, with no folder that weights may lie in."""
    try:
        return [found.detail for found in walk_model(in_memory(data), None).findings]
    except Refused as refused:
        return [refused.finding.detail]


def _require_valid(model: "onnx.ModelProto", name: str) -> None:
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker raises many unrelated types for a bad graph
        found = f"{type(error).__name__}: {str(error)[:300]}"
        raise SpecError(f"{name}: expected a valid ONNX graph, the checker says {found}; export it again") from error
    if model.graph.sparse_initializer:
        raise SpecError(f"{name}: expected dense weights, found sparse ones; export the model with dense weights")


def _require_opset(model: "onnx.ModelProto", name: str) -> None:
    found = opset_of(model)
    if found < _OLDEST_OPSET:
        raise SpecError(
            f"{name}: expected operator set {_OLDEST_OPSET} or later, found {found}; "
            "convert it with onnx.version_converter"
        )


def _require_finite(model: "onnx.ModelProto", name: str) -> None:
    for tensor_name, tensor in _named_tensors(model):
        values = tensor_values(tensor, tensor_name)
        if values.dtype.kind == "f" and not _is_sound(values):
            raise SpecError(
                f"{name}: tensor `{tensor_name}`: expected finite numbers, found NaN or infinity; "
                "the weights are broken: train or export the model again"
            )


def tensor_values(tensor: Any, tensor_name: str) -> "NDArray[np.generic]":
    """A stored tensor as an array; bfloat16, which NumPy lacks, as float32. Raises SpecError for stranger types."""
    import numpy as np
    from onnx import numpy_helper

    values = np.asarray(numpy_helper.to_array(tensor))
    if values.dtype.name == "bfloat16":
        values = values.astype(np.float32)
    if values.dtype.kind not in "fiub":
        raise SpecError(
            f"tensor `{tensor_name}`: expected numbers or truth values, found {values.dtype}; export in float32"
        )
    return values


def _is_sound(values: "NDArray[np.generic]") -> bool:
    """No NaN; infinity only as a lone bound (of a Clip) or in a mask of 0 and -infinity."""
    import numpy as np

    floats = values.astype(np.float64)
    if np.isfinite(floats).all():
        return True
    is_mask = bool(((floats == 0) | (floats == -np.inf)).all())
    return not np.isnan(floats).any() and (floats.size == 1 or (floats.ndim > 1 and is_mask))


def _named_tensors(model: "onnx.ModelProto") -> Iterator[tuple[str, Any]]:
    yield from ((tensor.name, tensor) for tensor in model.graph.initializer if tensor.data_type != tensor.STRING)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and attribute.t.data_type != attribute.t.STRING:
                yield node.output[0], attribute.t
