"""Fairness against fairlearn, against plain pandas, and against a known bias."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_ratio, equal_opportunity_ratio, false_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from assay.records import Verdict
from assay.spec import SensitiveColumn
from tasks.examination.fairness import Judged, examine_fairness

SELECTION = {"f": 0.2, "m": 0.4}


def biased(count: int, seed: int, selection: dict[str, float] = SELECTION) -> pd.DataFrame:
    """Half the rows are truly positive; each group is called positive at its own rate."""
    generator = np.random.default_rng(seed)
    group = generator.choice(list(selection), count)
    called = generator.random(count) < np.array([selection[name] for name in group])
    return pd.DataFrame({"sex": group, "label": generator.integers(0, 2, count), "predicted": called.astype(int)})


def judged(frame: pd.DataFrame, classes: int = 2, **columns: Any) -> Judged:
    table = pa.table({"sex": pa.array(frame["sex"].tolist()), **columns})
    return Judged(frame["label"].to_numpy(), frame["predicted"].to_numpy(), classes, table, seed=0)


def measures(rows: Judged, column: str = "sex", positive: int | None = None) -> dict[str, Any]:
    found: Any = examine_fairness(SensitiveColumn(column=column, positive=positive), rows).facts["measures"]
    return dict(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0.05, 0.95), min_size=2, max_size=5))
def test_measures_are_those_of_fairlearn_and_of_pandas(seed: int, rates: list[float]) -> None:
    frame = biased(1500, seed, {f"group {at}": rate for at, rate in enumerate(rates)})
    found = measures(judged(frame))
    answers = (frame["label"], frame["predicted"])
    parts = {"accuracy": accuracy_score, "fpr": false_positive_rate}
    table = MetricFrame(metrics=parts, y_true=answers[0], y_pred=answers[1], sensitive_features=frame["sex"])
    theirs = {
        "selection_rate_ratio": demographic_parity_ratio(*answers, sensitive_features=frame["sex"]),
        "true_positive_rate_ratio": equal_opportunity_ratio(*answers, sensitive_features=frame["sex"]),
        "false_positive_rate_difference": table.difference()["fpr"],
        "accuracy_difference": table.difference()["accuracy"],
    }
    assert {name: measure["value"] for name, measure in found.items()} == pytest.approx(theirs)
    selected = frame.groupby("sex")["predicted"].mean()
    hits = frame[frame["label"] == 1].groupby("sex")["predicted"].mean()
    assert found["selection_rate_ratio"]["value"] == pytest.approx(selected.min() / selected.max())
    assert found["true_positive_rate_ratio"]["value"] == pytest.approx(hits.min() / hits.max())
    assert found["selection_rate_ratio"]["lowest"] == f"{selected.idxmin()} {selected.min():.4f}"


def test_the_interval_holds_the_true_ratio_nineteen_times_in_twenty() -> None:
    intervals = [measures(judged(biased(800, seed)))["selection_rate_ratio"]["ci95"] for seed in range(200)]
    held = sum(low <= 0.5 <= high for low, high in intervals)
    assert 181 <= held <= 198


def test_the_interval_is_that_of_drawing_rows_anew() -> None:
    frame = biased(1000, 1)
    low, high = measures(judged(frame))["selection_rate_ratio"]["ci95"]
    generator, ratios = np.random.default_rng(5), []
    for _ in range(1000):
        drawn = frame.iloc[generator.integers(0, len(frame), len(frame))]
        shares = drawn.groupby("sex")["predicted"].mean()
        ratios.append(shares.min() / shares.max())
    assert (low, high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])), abs=0.03)


def test_each_group_is_told_with_its_counts_and_intervals() -> None:
    frame = biased(1000, 2)
    groups: Any = examine_fairness(SensitiveColumn(column="sex"), judged(frame)).facts["groups"]
    assert [group["group"] for group in groups] == ["f", "m"]
    assert sum(group["rows"] for group in groups) == 1000
    assert all(group["positives"] + group["negatives"] == group["rows"] for group in groups)
    women = frame[frame["sex"] == "f"]
    assert groups[0]["selection_rate"]["value"] == pytest.approx(women["predicted"].mean())
    low, high = groups[0]["selection_rate"]["ci95"]
    assert low < women["predicted"].mean() < high


def test_a_group_of_29_rows_gives_no_number() -> None:
    frame = pd.concat([biased(1000, 3), pd.DataFrame({"sex": ["x"] * 29, "label": 1, "predicted": 0})])
    found = measures(judged(frame))
    assert "x has 29" in found["selection_rate_ratio"]["problem"]
    assert "value" not in found["selection_rate_ratio"]


def test_a_group_of_few_positives_gives_no_true_positive_rate_but_a_selection_rate() -> None:
    frame = pd.concat([biased(1000, 3), pd.DataFrame({"sex": ["x"] * 100, "label": 0, "predicted": 0})])
    found = measures(judged(frame))
    assert "needs 30 positives in every group: x has 0" in found["true_positive_rate_ratio"]["problem"]
    assert found["selection_rate_ratio"]["value"] == 0


def test_nobody_selected_is_no_parity() -> None:
    frame = biased(500, 4).assign(predicted=0)
    found = measures(judged(frame))
    assert "0 in every group" in found["selection_rate_ratio"]["problem"]


@pytest.mark.parametrize(
    ("column", "positive", "classes", "why"),
    [
        ("sexx", None, 2, "did you mean 'sex'"),
        ("postcode", None, 2, "has 100 values, at most 20"),
        ("same", None, 2, "expected two groups"),
        ("gone", None, 2, "missing in 50%"),
        ("sex", 2, 2, "no class 2"),
        ("sex", None, 3, "say which one is good"),
    ],
)
def test_a_column_that_makes_no_groups_is_not_checked_and_says_why(
    column: str, positive: int | None, classes: int, why: str
) -> None:
    rows = judged(
        biased(1000, 5),
        classes,
        postcode=pa.array([f"p{at % 100}" for at in range(1000)]),
        same=pa.array(["one"] * 1000),
        gone=pa.array(["a", "b", None, None] * 250),
    )
    result = examine_fairness(SensitiveColumn(column=column, positive=positive), rows)
    assert result.check.verdict is Verdict.NOT_CHECKED
    assert why in result.check.detail and result.facts["problem"] == result.check.detail


def test_few_missing_values_are_left_out_and_counted() -> None:
    frame = biased(1000, 6)
    values = [None if at < 50 else value for at, value in enumerate(frame["sex"])]
    result = examine_fairness(SensitiveColumn(column="known"), judged(frame, known=pa.array(values)))
    selected = frame[50:].groupby("sex")["predicted"].mean()
    found: Any = result.facts
    assert found["missing"] == 50
    assert found["measures"]["selection_rate_ratio"]["value"] == pytest.approx(selected.min() / selected.max())


def test_ages_are_cut_into_quartiles() -> None:
    frame = biased(800, 7)
    ages = np.arange(800) % 80
    result = examine_fairness(SensitiveColumn(column="age"), judged(frame, age=pa.array(ages)))
    groups: Any = result.facts["groups"]
    assert [group["group"] for group in groups] == ["age ≤ 19", "19 < age ≤ 39", "39 < age ≤ 59", "age > 59"]
    quartile = frame["predicted"][ages <= 19].mean()
    assert groups[0]["selection_rate"]["value"] == pytest.approx(quartile)


def test_of_three_classes_the_positive_one_counts() -> None:
    frame = biased(1500, 8)
    frame["predicted"] *= 2
    found = measures(judged(frame, classes=3), positive=2)
    selected = (frame["predicted"] == 2).groupby(frame["sex"]).mean()
    assert found["selection_rate_ratio"]["value"] == pytest.approx(selected.min() / selected.max())


def test_equal_rows_and_seed_give_equal_facts() -> None:
    first, second = (measures(judged(biased(500, 9))) for _ in range(2))
    assert first == second
