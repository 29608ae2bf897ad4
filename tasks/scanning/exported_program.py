"""Programs of torch.export: graphs of PyTorch's own operators, sizes that only compute, and weights as bare numbers.

Loading one resolves each node's `target` to a function by its dotted name and evaluates its sizes as Python or SymPy
text: both are compared with what an exported graph needs.
"""

import ast
import re
from collections.abc import Iterator

from tasks.scanning.finding import Finding, Severity, finding
from tasks.scanning.json_text import Parsed, objects, parse_json

# Operators that only compute; `torch.ops.load_library` and other attributes of torch.ops are none.
_TARGET = re.compile(r"torch\.ops\.(aten|prims|quantized_decomposed)\.[a-z_]\w*\.[A-Za-z_]\w*")
_COMPARISONS = "getitem add sub mul truediv floordiv mod pow neg eq ne lt le gt ge and_ or_ not_"
_SIZES = "sym_max sym_min sym_float sym_int sym_ite sym_not sym_sqrt sym_sum"
_PLAIN_TARGETS = {f"_operator.{name}" for name in _COMPARISONS.split()} | {f"torch.{name}" for name in _SIZES.split()}
_FROM_FILES = re.compile(r"from_file|load|save|open|exec|_cuda_|library")
_FUNCTIONS = {
    *("Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Max", "Min", "Mod", "Abs", "floor", "ceiling"),
    *("PythonMod", "FloorDiv", "CleanDiv", "CeilToInt", "FloorToInt", "ToFloat", "IntTrueDiv", "FloatTrueDiv", "Where"),
    *("Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "And", "Or", "Not", "max", "min"),
    *("LessThan", "GreaterThan", "StrictLessThan", "StrictGreaterThan", "ModularIndexing", "PowByNatural"),
}
_METHODS = {"size", "stride", "storage_offset"}
_MAX_EXPRESSION = 4_096
_ARITHMETIC = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop),
    *(ast.cmpop, ast.expr_context, ast.keyword, ast.IfExp, ast.Tuple),
)


def scan_program(document: bytes) -> Iterator[Finding]:
    """`models/NAME.json`."""
    parsed = parse_json(document)
    for one in objects(parsed):
        target = one.get("target")
        if "target" in one and not _is_known(target):
            yield finding("export-target", f"a node that calls {target}", Severity.CRITICAL)
        expression = one.get("expr_str")
        if expression is not None and not _computes(expression):
            yield finding("export-expression", f"a size that is {expression}", Severity.CRITICAL)
    guards = parsed.get("guards_code") if isinstance(parsed, dict) else None
    for guard in guards if isinstance(guards, list) else []:
        if not _computes(guard):
            yield finding("export-expression", f"a guard that is {guard}", Severity.CRITICAL)


def raw_names(document: bytes) -> Iterator[str]:
    """Members that hold bare numbers, of a weights' or constants' configuration; others are judged as any file."""
    for one in objects(parse_json(document)):
        name = one.get("path_name")
        if isinstance(name, str) and one.get("use_pickle") is False and isinstance(one.get("tensor_meta"), dict):
            yield name


def _is_known(target: Parsed) -> bool:
    if not isinstance(target, str):
        return False
    return target in _PLAIN_TARGETS or (_TARGET.fullmatch(target) is not None and not _FROM_FILES.search(target))


def _computes(text: Parsed) -> bool:
    """Arithmetic over sizes, and nothing else that Python could be told to do."""
    if not isinstance(text, str) or len(text) > _MAX_EXPRESSION:
        return False
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return all(_is_arithmetic(node) for node in ast.walk(tree))


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        is_function = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        return is_function or (isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS)
    if isinstance(node, ast.Attribute):
        return node.attr in _METHODS
    if isinstance(node, ast.Name):
        return not node.id.startswith("_")
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float | None) or (isinstance(node.value, str) and node.value.isidentifier())
    return isinstance(node, (ast.Subscript, *_ARITHMETIC))
