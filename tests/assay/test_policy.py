"""Laws of the rules."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from assay.policy import AllOf, AnyOf, Case, ChampionComparison, Comparison, mcnemar_p
from assay.records import Check, Verdict

CASE = Case(pipeline="two", now=datetime(2026, 1, 1, tzinfo=UTC), statements={})
counts = st.integers(0, 300)


class Says:
    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def judge(self, case: Case) -> Check:
        return Check("says", self.verdict, self.verdict.value)


rules = st.lists(st.sampled_from(Verdict).map(Says), max_size=5).map(tuple)


@given(rules)
def test_all_of_passes_only_when_there_is_a_rule_and_every_rule_passes(given_rules: tuple[Says, ...]) -> None:
    passed = AllOf("all", given_rules).judge(CASE).verdict is Verdict.PASSED
    assert passed == (bool(given_rules) and all(rule.verdict is Verdict.PASSED for rule in given_rules))


@given(rules)
def test_any_of_passes_only_when_one_rule_passes(given_rules: tuple[Says, ...]) -> None:
    passed = AnyOf("any", given_rules).judge(CASE).verdict is Verdict.PASSED
    assert passed == any(rule.verdict is Verdict.PASSED for rule in given_rules)


@given(counts, counts)
def test_mcnemar_agrees_with_scipy(wins: int, losses: int) -> None:
    p = mcnemar_p(wins, losses)
    expected = binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
    assert abs(p - expected) < 1e-9


@given(counts, counts, st.sampled_from(["holdout", "recent"]))
def test_challenger_that_beats_the_champion_never_loses_to_it(only_new: int, only_old: int, rows: str) -> None:
    case = Case(
        pipeline="two",
        now=CASE.now,
        statements={},
        comparisons={("accuracy", rows): (Comparison(1000, only_new, only_old, "champion version 1"),)},
    )
    beats, holds = (ChampionComparison(rows, must, 0.0, 0.05).judge(case) for must in ("beat", "not_lose"))
    if beats.verdict is Verdict.PASSED:
        assert holds.verdict is Verdict.PASSED
        assert only_new > only_old


def test_comparison_that_was_not_made_refuses() -> None:
    assert ChampionComparison("holdout", "not_lose", 0.0, 0.05).judge(CASE).verdict is Verdict.NOT_CHECKED


def test_loss_within_the_margin_is_allowed_and_beyond_it_refused() -> None:
    comparison = Comparison(1000, 0, 20, "champion version 1")
    case = Case("two", CASE.now, {}, comparisons={("accuracy", "holdout"): (comparison,)})
    verdicts = [ChampionComparison("holdout", "not_lose", margin, 0.05).judge(case).verdict for margin in (0.03, 0.01)]
    assert verdicts == [Verdict.PASSED, Verdict.FAILED]


@pytest.mark.parametrize(
    ("only_new", "only_old", "verdict"),
    [(140, 190, Verdict.PASSED), (35, 335, Verdict.FAILED)],
    ids=["half a point worse within noise", "three points worse"],
)
def test_regression_is_a_test_and_shows_its_interval(only_new: int, only_old: int, verdict: Verdict) -> None:
    comparison = Comparison(10_000, only_new, only_old, "champion version 1")
    case = Case("two", CASE.now, {}, comparisons={("accuracy", "holdout"): (comparison,)})
    check = ChampionComparison("holdout", "not_lose", 0.01, 0.05).judge(case)
    assert check.verdict is verdict
    low, high = comparison.gain_ci95
    assert low < comparison.gain < high and f"(95 % {low:+.4f} to {high:+.4f})" in check.detail


def test_few_rows_do_not_excuse_a_loss_that_they_cannot_see() -> None:
    comparison = Comparison(40, 1, 4, "champion version 1")
    case = Case("two", CASE.now, {}, comparisons={("accuracy", "holdout"): (comparison,)})
    blind = ChampionComparison("holdout", "not_lose", 0.0, 0.05).judge(case)
    strict = ChampionComparison("holdout", "not_lose", 0.0, 0.05, max_loss=0.05).judge(case)
    assert (blind.verdict, strict.verdict) == (Verdict.PASSED, Verdict.FAILED)
    assert "gather more rows" in strict.detail


def test_sure_loss_under_one_attacker_is_not_hidden_by_a_larger_one_on_few_rows() -> None:
    few = Comparison(50, 2, 5, "champion version 1", under="linf 0.1 quick")
    many = Comparison(1000, 0, 40, "champion version 1", under="words 0.2")
    case = Case("two", CASE.now, {}, comparisons={("robust_accuracy", "holdout"): (few, many)})
    check = ChampionComparison("holdout", "not_lose", 0.0, 0.05, "robust_accuracy").judge(case)
    assert check.verdict is Verdict.FAILED and check.detail.startswith("words 0.2: against champion version 1")
    assert check.measured == few.gain


@given(st.integers(0, 40), st.integers(0, 40), st.integers(81, 3000))
def test_interval_holds_its_point_and_turns_with_the_sides(only_new: int, only_old: int, rows: int) -> None:
    low, high = Comparison(rows, only_new, only_old, "champion").gain_ci95
    gain = Comparison(rows, only_new, only_old, "champion").gain
    assert -1 <= low <= gain <= high <= 1
    turned = Comparison(rows, only_old, only_new, "champion").gain_ci95
    assert turned == pytest.approx((-high, -low))
