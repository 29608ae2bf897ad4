import pytest
from airflow.sdk.exceptions import ParamValidationError

from assay.forms import FormField
from operators.form import _param, given_parameters


def test_untouched_defaults_are_not_a_persons_choice() -> None:
    assert given_parameters({"epochs": 5, "note": None}, {"epochs": 5, "note": None, "rate": 0.1}) == {"rate": 0.1}


def test_emptied_optional_answer_is_a_choice() -> None:
    assert given_parameters({"decay": 0.1}, {"decay": None}) == {"decay": None}


def test_bounds_and_choices_become_json_schema_that_airflow_enforces() -> None:
    epochs = _param(FormField("epochs", "integer", 5, minimum=1, maximum=50))
    assert epochs.resolve(50) == 50
    with pytest.raises(ParamValidationError):
        epochs.resolve(51)
    kind = _param(FormField("kind", "string", "a", choices=("a", "b")))
    with pytest.raises(ParamValidationError):
        kind.resolve("c")


def test_field_without_default_may_stay_empty() -> None:
    assert _param(FormField("decay", "number", None, is_optional=True)).resolve() is None
