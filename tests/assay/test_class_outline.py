"""Classes are read as text: nothing of the user's runs, yet names, methods and parameters are known."""

import sys
from pathlib import Path

import pytest

from assay.class_outline import ClassNotFound, outline_class
from assay.errors import SpecError
from assay.module_source import find_module

FIXTURES = Path(__file__).parent / "spec_fixtures"


@pytest.fixture(autouse=True)
def trial_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))


def test_outline_does_not_import_the_module_nor_its_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "explosive"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('ran')")
    (package / "inner.py").write_text("from assay.sdk import TrainableModel\nclass Quiet(TrainableModel): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert outline_class("explosive.inner:Quiet").is_a("assay.sdk:TrainableModel")
    assert "explosive" not in sys.modules


@pytest.mark.parametrize("name", ["Complete", "Inherited", "NoGradient", "Misspelt"])
def test_ancestors_reach_the_sdk_by_every_spelling_of_the_import(name: str) -> None:
    assert outline_class(f"trial_models:{name}").is_a("assay.sdk:TrainableModel")


def test_abstract_declaration_is_not_an_implementation() -> None:
    outline = outline_class("trial_models:Misspelt")
    assert not outline.implements("predict_function")
    assert outline.implements("save_function")
    assert outline_class("trial_models:Inherited").implements("module_function")


def test_parameters_carry_type_bounds_choices_default_and_words() -> None:
    parameters = outline_class("trial_models:Complete").methods["train_function"].parameters
    assert list(parameters) == ["epochs", "rate", "optimizer", "step", "nesterov", "depth", "tag", "widths"]
    epochs = parameters["epochs"]
    assert (epochs.type, epochs.default, epochs.minimum, epochs.maximum) == ("integer", 5, 1, 50)
    assert epochs.description == "passes over the data"
    assert (parameters["rate"].minimum, parameters["rate"].maximum) == (0, 1)
    assert parameters["optimizer"].choices == ("sgd", "adam")
    assert parameters["step"].default == pytest.approx(8 / 255)
    assert parameters["depth"].is_optional and parameters["depth"].type == "integer"
    assert parameters["tag"].is_optional and parameters["tag"].type == "string"
    assert parameters["widths"].type == "any"


def test_executor_roles_are_read_in_order() -> None:
    roles = outline_class("trial_models:Distill").roles
    assert roles is not None and list(roles) == ["student", "teacher"]


def test_unknown_class_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ClassNotFound, match="did you mean 'Complete'"):
        outline_class("trial_models:Compleet")
    with pytest.raises(ClassNotFound, match=r"no module 'trial_models\.deeper'"):
        outline_class("trial_models.deeper:Complete")


def test_module_that_does_not_parse_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slanted.py").write_text("x = 1\nclass Broken(\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SpecError, match=r"slanted\.py:2"):
        outline_class("slanted:Broken")


def test_edited_module_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "changing.py").write_text("class First: ...\n")
    outline_class("changing:First")
    (tmp_path / "changing.py").write_text("class Second: ...\nclass Third: ...\n")
    outline_class("changing:Third")
    with pytest.raises(ClassNotFound):
        outline_class("changing:First")


def test_classes_that_inherit_from_each_other_end_in_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "circle.py").write_text("class A(B): ...\nclass B(A): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(outline_class("circle:A").ancestors) == {"circle:A", "circle:B"}


def test_module_is_found_where_python_would_find_it() -> None:
    import json.decoder

    assert find_module("json.decoder") == Path(json.decoder.__file__)
    assert find_module("no.such.module") is None
