"""The form of a run: typed, bounded, with defaults from spec and signature; wrong answers are refused with reasons."""

from pathlib import Path

import pytest

from assay.errors import SpecError
from assay.forms import apply_parameters, check_parameters, train_parameters
from assay.spec import PipelineSpec
from assay.spec_file import load_spec

FIXTURES = Path(__file__).parent / "spec_fixtures"


@pytest.fixture(autouse=True)
def trial_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))


@pytest.fixture
def spec() -> PipelineSpec:
    return load_spec(FIXTURES / "sound" / "everything.yaml")


def test_form_holds_free_parameters_then_what_every_run_has(spec: PipelineSpec) -> None:
    fields = {field.name: field for field in train_parameters(spec)}
    assert list(fields) == ["epochs", "step", "nesterov", "depth", "tag", "seed", "robust_method", "robust_epsilon"]
    assert fields["nesterov"].default is True, "the spec's value wins over the signature's"
    assert (fields["seed"].default, fields["robust_method"].default, fields["robust_epsilon"].default) == (
        7,
        "pgd",
        0.3,
    )
    assert (fields["epochs"].minimum, fields["epochs"].maximum) == (1, 50)


def test_model_without_gradients_offers_no_robust_training(spec: PipelineSpec) -> None:
    plain = spec.model_copy(update={"train": spec.train.model_copy(update={"model": "trial_models:NoGradient"})})
    assert [field.name for field in train_parameters(plain)] == ["trees", "seed_rows", "seed"]


def test_text_becomes_typed_values(spec: PipelineSpec) -> None:
    raw = {"epochs": "7", "step": "1e-3", "nesterov": "no", "depth": "", "seed": "3", "robust_method": "fgsm_rs"}
    assert check_parameters(spec, raw) == {
        "epochs": 7, "step": 1e-3, "nesterov": False, "depth": None, "seed": 3, "robust_method": "fgsm_rs",
    }  # fmt: skip


def test_typed_values_of_a_form_pass_unchanged(spec: PipelineSpec) -> None:
    defaults = {field.name: field.default for field in train_parameters(spec)}
    assert check_parameters(spec, defaults) == defaults


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"epochz": "1"}, "did you mean 'epochs'"),
        ({"epochs": "51"}, "from 1 to 50, found 51"),
        ({"epochs": "1.5"}, "expected an integer"),
        ({"step": "nan"}, "found nan"),
        ({"nesterov": "perhaps"}, "true or false"),
        ({"rate": "0.1"}, "the search decides it"),
        ({"robust_method": "pdg"}, "'fgsm_rs', 'pgd'"),
        ({"robust_epsilon": "0"}, "above 0"),
        ({"seed": "-1"}, "found -1"),
    ],
)
def test_wrong_answers_are_refused_with_the_reason(spec: PipelineSpec, raw: dict[str, str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        check_parameters(spec, raw)


def test_all_wrong_answers_are_named_at_once(spec: PipelineSpec) -> None:
    with pytest.raises(SpecError, match=r"epochs: .*; step: "):
        check_parameters(spec, {"epochs": "x", "step": "y"})


def test_applied_parameters_change_the_run_and_not_the_spec(spec: PipelineSpec) -> None:
    run = apply_parameters(spec, {"epochs": "9", "seed": "3", "robust_method": "none"})
    assert run.train.parameters == {"nesterov": True, "epochs": 9}
    assert (run.train.seed, run.train.robust.method) == (3, "none")
    assert (spec.train.seed, spec.train.robust.method) == (7, "pgd")
