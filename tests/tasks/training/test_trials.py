"""What a study tries, and what it may spend."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.spec import BudgetSpec, TrainSpec
from tasks.training.budget import Spending
from tasks.training.trials import plan_trials


def spec(**train: Any) -> TrainSpec:
    return TrainSpec.model_validate({"model": "a.b:C", **train})


def test_one_run_has_the_fixed_parameters() -> None:
    plan = plan_trials(spec(parameters={"epochs": 3}, seed=5))
    assert [(trial.seed, trial.parameters) for trial in plan.trials] == [(5, {"epochs": 3})]


def test_grid_is_the_product_in_order_and_cut_at_the_budget() -> None:
    search = {"a": [1, 2], "b": ["x", "y"]}
    plan = plan_trials(spec(executor="grid", search=search, budget={"trials": 3}, parameters={"c": 0}))
    expected = [{"c": 0, "a": 1, "b": "x"}, {"c": 0, "a": 1, "b": "y"}, {"c": 0, "a": 2, "b": "x"}]
    assert [trial.parameters for trial in plan.trials] == expected
    assert [trial.index for trial in plan.trials] == [0, 1, 2] and plan.is_cut


def test_grid_of_a_range_is_refused() -> None:
    with pytest.raises(SpecError, match="random or asha"):
        plan_trials(spec(executor="grid", search={"a": {"low": 0, "high": 1}}))


@given(seed=st.integers(0, 1000), low=st.floats(0.001, 1), span=st.floats(0.01, 100))
def test_draws_repeat_with_the_seed_and_stay_in_range(seed: int, low: float, span: float) -> None:
    search = {
        "log": {"low": low, "high": low + span, "log": True}, "whole": {"low": 1, "high": 4, "integer": True},
        "name": ["x", "y"],
    }  # fmt: skip
    drawn, again = (
        plan_trials(spec(executor="random", search=search, budget={"trials": 5}, seed=seed)) for _ in range(2)
    )
    assert drawn == again
    for trial in drawn.trials:
        values: Any = trial.parameters
        assert low - 1e-9 <= values["log"] <= (low + span) * (1 + 1e-9)
        assert values["whole"] in (1, 2, 3, 4) and values["name"] in ("x", "y")


def test_spending_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    file.write_text(json.dumps({"seconds": 50.0, "gpu_hours": 1.5}))
    spending = Spending.open(BudgetSpec(seconds=100, gpu_hours=2), file, gpus=2)
    assert 50 <= spending.seconds < 60 and spending.deadline == pytest.approx(spending.started + 50)
    assert spending.spent() == ""
    spending.record(trial_seconds=900)
    assert spending.spent() == "gpu_hours" and spending.is_overdue(running=1)
    assert Spending.open(BudgetSpec(gpu_hours=2), file, gpus=2).gpu_hours == pytest.approx(2.0)


def test_running_trials_get_a_grace_to_end_by_themselves(tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    file.write_text(json.dumps({"seconds": 101.0, "gpu_hours": 0}))
    spending = Spending.open(BudgetSpec(seconds=100), file, gpus=0)
    assert spending.spent() == "seconds"
    assert spending.is_overdue(running=0) and not spending.is_overdue(running=1)
