"""Every ONNX operator that the interpreter knows, each a builder: its node in, the function to call out.

OPERATORS are those of ai.onnx, TABLES those of ai.onnx.ml.
"""

from tasks.foreign.node import Builder
from tasks.foreign.operators.elementwise import ELEMENTWISE
from tasks.foreign.operators.linear import LINEAR
from tasks.foreign.operators.numbers import NUMBERS
from tasks.foreign.operators.reductions import REDUCTIONS
from tasks.foreign.operators.resize import RESIZE
from tasks.foreign.operators.shapes import SHAPES
from tasks.foreign.operators.tables import TABLES
from tasks.foreign.operators.windows import WINDOWS

__all__ = ["OPERATORS", "READ_AS_NUMBERS", "TABLES"]

OPERATORS: dict[str, Builder] = ELEMENTWISE | LINEAR | NUMBERS | REDUCTIONS | RESIZE | SHAPES | WINDOWS
# Inputs that are read as numbers: they may stay on the CPU wherever the rows are.
READ_AS_NUMBERS: dict[str, frozenset[int]] = {
    "ConstantOfShape": frozenset({0}),
    "CumSum": frozenset({1}),
    "Expand": frozenset({1}),
    "Pad": frozenset({1, 2, 3}),
    "Range": frozenset({0, 1, 2}),
    "Reshape": frozenset({1}),
    "Resize": frozenset({1, 2, 3}),
    "Slice": frozenset({1, 2, 3, 4}),
    "Split": frozenset({1}),
    "Squeeze": frozenset({1}),
    "Tile": frozenset({1}),
    "TopK": frozenset({1}),
    "Unsqueeze": frozenset({1}),
    "Upsample": frozenset({1}),
}
