"""What classes must offer for their place in a spec, and where roles come from."""

from pathlib import Path

import pytest

from assay.roles import MODEL_METHODS, executor_roles, spec_findings
from assay.spec import PipelineSpec
from assay.spec_file import load_spec

FIXTURES = Path(__file__).parent / "spec_fixtures"


@pytest.fixture(autouse=True)
def trial_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))


def _spec(**train: object) -> PipelineSpec:
    return PipelineSpec.model_validate(
        {
            "name": "trial",
            "data": {"collector": {"sources": [{"source": "path", "path": "data"}]}},
            "train": {"model": "trial_models:Complete", **train},
        }
    )


def _messages(spec: PipelineSpec) -> list[str]:
    return [f"{'.'.join(map(str, finding.field))}: {finding.message}" for finding in spec_findings(spec)]


def test_built_in_executors_have_the_one_role_model() -> None:
    assert executor_roles(_spec()) == {"model": MODEL_METHODS}


def test_own_executor_brings_its_roles() -> None:
    roles = executor_roles(load_spec(FIXTURES / "sound" / "distilled.yaml"))
    assert roles == {"student": ("train_function", "predict_function"), "teacher": ("predict_function",)}


def test_first_role_cannot_be_filled_twice() -> None:
    models = {"student": "trial_models:Complete", "teacher": "trial_models:Complete"}
    messages = _messages(_spec(executor="trial_models:Distill", models=models))
    assert len(messages) == 1 and "role 'student'" in messages[0]


def test_robust_training_needs_gradients() -> None:
    spec = _spec(model="trial_models:NoGradient", robust={"method": "pgd", "epsilon": 0.1})
    assert _messages(spec) == [
        "train.robust.method: robust training with pgd needs gradients, "
        "but trial_models:NoGradient has no module_function, to_model_space"
    ]


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"epochs": {"low": 1, "high": 9}}, "takes integers"),
        ({"epochs": {"low": 1, "high": 99, "integer": True}}, "from 1 to 50, found 99"),
        ({"rate": {"low": 0, "high": 0.5, "log": True}}, "low above 0"),
        ({"optimizer": {"low": 1, "high": 2}}, "a range cannot give"),
        ({"rate": []}, "empty list"),
        ({"rate": [0.1, 7]}, "found 7"),
        ({"rat": [0.1]}, "no such parameter"),
    ],
)
def test_search_is_held_against_the_signature(search: dict[str, object], words: str) -> None:
    messages = _messages(_spec(executor="random", search=search, budget={"trials": 2}))
    assert len(messages) == 1 and words in messages[0]


def test_parameter_cannot_be_fixed_and_searched() -> None:
    spec = _spec(executor="random", search={"rate": [0.1]}, parameters={"rate": 0.2}, budget={"trials": 2})
    assert _messages(spec) == ["train.parameters.rate: is both fixed and searched"]


def test_class_checks_can_be_left_out_where_classes_are_not_at_hand() -> None:
    assert spec_findings(_spec(model="elsewhere:Model"), check_classes=False) == []
