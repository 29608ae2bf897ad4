"""A Python module as text: found along `sys.path` and parsed, never imported, so no user code runs."""

import ast
import functools
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.errors import SpecError

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class ModuleSource:
    """classes: by name. imported: local name -> (module, attribute), attribute "" for a module itself.

    constants: top-level assignments whose value can be read without running anything.
    """

    name: str
    file: Path
    classes: Mapping[str, ast.ClassDef]
    imported: Mapping[str, tuple[str, str]]
    constants: Mapping[str, object]


def find_module(name: str) -> Path | None:
    """The source file Python would import for `name`, by looking at the file system alone."""
    *packages, last = name.split(".")
    roots = [Path(entry or ".") for entry in sys.path]
    for package in packages:
        roots = _package_folders(roots, package)
    for root in roots:
        for file in (root / last / "__init__.py", root / f"{last}.py"):
            if file.is_file():
                return file
    return None


def _package_folders(roots: list[Path], package: str) -> list[Path]:
    """The first regular package wins; without one, all folders of that name form a namespace package."""
    folders = [root / package for root in roots if (root / package).is_dir()]
    regular = [folder for folder in folders if (folder / "__init__.py").is_file()]
    return regular[:1] or folders


def read_module(name: str) -> ModuleSource | None:
    """The parsed module, or None when no source file has that name. Raises SpecError when it does not parse."""
    file = find_module(name)
    if file is None:
        return None
    state = file.stat()
    return _parse(name, file, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=512)
def _parse(name: str, file: Path, _mtime_ns: int, _size: int) -> ModuleSource:
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(f"{file}:{line}: not valid Python: {error}; mend the module") from error
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    statements = list(_top_level(tree.body))
    constants: dict[str, object] = {}
    for node in statements:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = evaluate(node.value, constants)
            if value is not Ellipsis:
                constants[node.targets[0].id] = value
    return ModuleSource(
        name=name,
        file=file,
        classes={node.name: node for node in statements if isinstance(node, ast.ClassDef)},
        imported=dict(pair for node in statements for pair in _imports(node, package)),
        constants=constants,
    )


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, also under `if TYPE_CHECKING:` and `try:`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _top_level(node.body)
            yield from _top_level(node.orelse)


def _imports(node: ast.stmt, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield (alias.asname, (alias.name, "")) if alias.asname else (top, (top, ""))
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level:
            ancestors = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*ancestors, module] if module else ancestors)
        for alias in node.names:
            yield alias.asname or alias.name, (module, alias.name)


def evaluate(node: ast.expr, constants: Mapping[str, object]) -> object:
    """The value of literals, named constants and plain arithmetic; Ellipsis when it needs running code."""
    if isinstance(node, ast.Name):
        return constants.get(node.id, ...)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = evaluate(node.left, constants), evaluate(node.right, constants)
        if isinstance(left, int | float) and isinstance(right, int | float):
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except (ArithmeticError, ValueError):
                return ...
        return ...
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ...
    return value
