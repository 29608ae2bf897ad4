"""The allow-list holds classes by rule and no way to run code; the scan never loads what it looks at."""

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.scanning import learners
from tasks.scanning.list_sklearn import listed
from tasks.scanning.pickle_policy import _rules
from tests.embedded_stack import ROOT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_list_of_sklearn_is_what_the_rule_gives() -> None:
    assert learners.LIST.read_text().splitlines() == listed(), "python -m tasks.scanning.list_sklearn"


def test_everything_listed_of_sklearn_is_a_class() -> None:
    for line in learners.LIST.read_text().splitlines():
        module, name, _ = line.split()
        assert inspect.isclass(getattr(importlib.import_module(module), name)), line


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_class_that_may_be_filled_acts_when_it_is_thrown_away() -> None:
    """Boosters free a handle; theirs must be a text (`learners`)."""
    for (module, name), rule in _rules().items():
        if f"{module}.{name}" in learners.BOOSTERS:
            continue
        if rule.is_made and module in sys.modules and hasattr(sys.modules[module], name):
            assert not hasattr(getattr(sys.modules[module], name), "__del__"), f"{module}.{name}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_class_that_may_be_filled_does_more_with_its_state_than_was_looked_at() -> None:
    """Those with a `__setstate__` of their own were read: they take numbers and text, and run none of it."""
    read = {"BaseEstimator", "TreePredictor", "IsotonicRegression", "Bunch", "coo_matrix", "Booster"}
    found = set()
    for (module, name), rule in _rules().items():
        if rule.is_made and importlib.util.find_spec(module.partition(".")[0]) and not module.startswith("joblib"):
            made = getattr(sys.modules.get(module), name, None)
            takes = getattr(made, "__setstate__", None)
            if takes is not None:
                found.add(takes.__qualname__.partition(".")[0])
    assert found <= read


def test_names_of_the_list_are_no_aliases_of_python_2() -> None:
    """Unpicklers rename some modules of old pickles; none of those is another name on the list."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    renamed = {
        (module, name) for module, name in _rules() if module in IMPORT_MAPPING or (module, name) in NAME_MAPPING
    }
    assert {module for module, _ in renamed} <= {"__builtin__", "copy_reg"}
    for module, name in renamed:
        there = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        assert there in _rules(), there


@pytest.mark.parametrize("path", sorted((ROOT / "tasks/scanning").glob("*.py")), ids=lambda path: path.name)
def test_scanner_calls_no_loader(path: Path) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    loaders = {
        "pickle.load",
        "pickle.loads",
        "torch.load",
        "joblib.load",
        "np.load",
        "numpy.load",
        "onnx.load",
        "eval",
        "exec",
    }
    assert not called & loaders


def test_scan_of_pickles_imports_no_library_that_wrote_them(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02csklearn.ensemble._forest\nRandomForestClassifier\n)\x81}b.")
    words = "import sys; from pathlib import Path; from tasks.scanning.formats import scan_region; "
    words += "from tasks.scanning.region import in_memory; "
    words += f"judged = scan_region(in_memory(Path({str(tmp_path / 'a.pkl')!r}).read_bytes()), 'a.pkl'); "
    words += "assert not judged.findings, judged; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "sklearn", "numpy", "joblib", "onnx", "keras", "lightgbm"} & set(out.split())
