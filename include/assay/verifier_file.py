"""The verifier as one file: the modules that verify here, zipped with an entry point, the same bytes every time."""

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parent
_START = "assay.audit.verifier"
_MAIN = b"import sys\nfrom assay.audit.verifier import main\nsys.exit(main())\n"
_SHEBANG = b"#!/usr/bin/env python3\n"


def verifier_bytes() -> bytes:
    """A Python zip application; `python FILE` runs it. Beside Python it needs `cryptography`."""
    files = {"__main__.py": _MAIN, "assay/__init__.py": b"", "assay/audit/__init__.py": b""}
    for module in sorted(needed_modules(_START)):
        files[module.replace(".", "/") + ".py"] = _path(module).read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(files.items()):
            bundle.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return _SHEBANG + archive.getvalue()


def needed_modules(start: str) -> set[str]:
    """`start` and every module of ours that it imports, however far."""
    found, waiting = set[str](), {start}
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= set(_imports(_path(module))) - found
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_without_typing(ast.parse(path.read_text()))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("assay."):
            yield str(node.module)


def _without_typing(tree: ast.Module) -> ast.Module:
    """What `if TYPE_CHECKING` imports is never imported."""
    body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    return ast.Module(body, [])


def _path(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
