"""The four figures on histories made for one definition each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from assay.digests import canonical_json, sha256_bytes
from assay.errors import SpecError
from assay.ledger import Ledger
from assay.ledger_entry import role_of
from assay.provenance import Provenance
from assay.questions.dora import Dora, dora
from assay.questions.dora_words import figures as words
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
END = NOON + timedelta(days=1)


class History:
    """Signed statements of a pipeline called toy, minutes after noon."""

    def __init__(self, ledger: Ledger, keys: KeyRing) -> None:
        self.ledger, self.keys, self.deployment = ledger, keys, Subject("deployment/toy", "0" * 64)

    def deploy(self, minute: float, model: str, began: float | None = None, code: Provenance | None = None) -> None:
        run = f"run-{minute}"
        if began is not None:
            self._state(Step.COLLECT, began, began, run, products={"raw": _subject("dataset/toy", run)})
        self._switch(Step.DEPLOY, minute, model, run, code)

    def roll_back(self, minute: float, model: str) -> None:
        self._switch(Step.ROLLBACK, minute, model, f"run-{minute}")

    def cut_out(self, minute: float) -> None:
        self._state(Step.CUT_OUT, minute, minute, f"run-{minute}", inputs={"deployment": self.deployment})

    def watch(self, minute: float, verdict: Verdict) -> None:
        inputs = {"deployment": self.deployment}
        self._state(Step.WATCH, minute, minute, f"run-{minute}", verdict, inputs=inputs)

    def figures(self, since: float | None = None, until: float | None = None) -> Dora:
        begin, end = (_at(minute) if minute is not None else None for minute in (since, until))
        return dora(self.ledger, END, "toy", begin, end)

    def _switch(self, step: Step, minute: float, model: str, run: str, code: Provenance | None = None) -> None:
        self.deployment = _subject("deployment/toy", f"{model} {minute}")
        self._state(
            step, minute, minute, run,
            products={"deployment": self.deployment}, inputs={"model": _subject("model/toy", model)}, code=code,
        )  # fmt: skip

    def _state(
        self,
        step: Step,
        began: float,
        ended: float,
        run: str,
        verdict: Verdict = Verdict.PASSED,
        *,
        products: dict[str, Subject] | None = None,
        inputs: dict[str, Subject] | None = None,
        code: Provenance | None = None,
    ) -> None:
        report = StepReport(step, "toy", verdict, products=products or {}, inputs=inputs or {})
        provenance = code or Provenance("", False, "e")
        record = StepRecord(report, RunContext(run_id=run), provenance, {}, 0, _at(began), _at(ended))
        self.ledger.append(self.keys.sign(canonical_json(build_statement(record)), role_of(step)))


@pytest.fixture
def history(ledger: Ledger, keys: KeyRing) -> History:
    return History(ledger, keys)


def minutes(durations: Sequence[timedelta]) -> list[float]:
    return [duration / timedelta(minutes=1) for duration in durations]


def test_nothing_deployed_is_not_measurable_and_says_so(history: History) -> None:
    history.watch(1, Verdict.FAILED)
    figures = history.figures()
    assert (figures.per_day, figures.failure_rate, figures.since) == (None, None, None)
    assert figures.lead_time.why == figures.to_json()["deployment_frequency"]["why"]  # type: ignore[index, call-overload]
    assert "no change was deployed" in figures.lead_time.why
    assert "nothing failed" in figures.time_to_restore.why


def test_window_without_changes_has_a_frequency_of_zero(history: History) -> None:
    history.deploy(0, "a")
    figures = history.figures(since=10, until=10 + 24 * 60)
    assert (figures.changes, figures.per_day, figures.failure_rate) == (0, 0.0, None)


def test_unknown_pipeline_is_refused(history: History) -> None:
    history.deploy(0, "a")
    with pytest.raises(SpecError, match="found no statement of it"):
        dora(history.ledger, END, "toi")


def test_window_that_ends_before_it_begins_is_refused(history: History) -> None:
    with pytest.raises(SpecError, match="expected a time before"):
        history.figures(since=10, until=5)


def test_the_same_model_again_is_no_change(history: History) -> None:
    history.deploy(0, "a")
    history.deploy(10, "a")
    assert history.figures().changes == 1


def test_a_model_that_comes_back_after_a_cut_out_is_a_change_and_restores(history: History) -> None:
    history.deploy(0, "a")
    history.cut_out(10)
    history.deploy(40, "a")
    figures = history.figures()
    assert (figures.changes, figures.failed) == (2, 1)
    assert (figures.deployed, figures.failing) == ((0, 2), (1,))
    assert minutes(figures.time_to_restore.measured) == [30]


def test_lead_time_runs_from_the_collection_of_the_same_run(history: History) -> None:
    history.deploy(5, "a", began=2)
    history.deploy(30, "b")
    lead = history.figures().lead_time
    assert (minutes(lead.measured), lead.unmeasured) == ([3], 1)


def test_lead_time_runs_from_the_commit_only_where_the_code_changed(history: History) -> None:
    code = Provenance("c0ffee", False, "e", committed_at=_at(-60))
    history.deploy(0, "a", began=-5, code=code)
    history.deploy(10, "b", began=9, code=code)
    history.deploy(20, "c", began=18, code=Provenance("bad", True, "e", committed_at=_at(-90)))
    assert minutes(history.figures().lead_time.measured) == [60, 1, 2]


def test_drift_fails_what_serves_and_the_next_change_restores(history: History) -> None:
    history.deploy(0, "a")
    history.watch(10, Verdict.PASSED)
    history.watch(20, Verdict.FAILED)
    history.watch(30, Verdict.FAILED)
    history.deploy(50, "b")
    figures = history.figures()
    assert (figures.failed, dict(figures.by_cause)) == (1, {"rollback": 0, "cut_out": 0, "watch": 1})
    assert minutes(figures.time_to_restore.measured) == [30]


def test_window_not_checked_fails_nothing(history: History) -> None:
    history.deploy(0, "a")
    history.watch(20, Verdict.NOT_CHECKED)
    assert history.figures().failed == 0


def test_rollback_blames_the_version_it_leaves_and_has_no_known_beginning(history: History) -> None:
    history.deploy(0, "a")
    history.deploy(10, "b")
    history.roll_back(20, "a")
    history.cut_out(30)  # of a, which was rolled back to: not what the last change put in place
    figures = history.figures()
    assert (figures.failed, dict(figures.by_cause)) == (1, {"rollback": 1, "cut_out": 0, "watch": 0})
    restored = figures.time_to_restore
    assert (minutes(restored.measured), restored.unmeasured, restored.open) == ([], 1, 1)


def test_rollback_after_drift_restores_from_the_drift_on(history: History) -> None:
    history.deploy(0, "a")
    history.deploy(10, "b")
    history.watch(15, Verdict.FAILED)
    history.roll_back(20, "a")
    assert minutes(history.figures().time_to_restore.measured) == [5]


def test_watch_of_a_deployment_that_is_gone_blames_nobody(history: History) -> None:
    history.deploy(0, "a")
    before = history.deployment
    history.deploy(10, "b")
    after, history.deployment = history.deployment, before
    history.watch(11, Verdict.FAILED)
    history.deployment = after
    assert history.figures().failed == 0


def test_what_came_after_the_window_is_not_known_in_it(history: History) -> None:
    history.deploy(0, "a")
    history.watch(10, Verdict.FAILED)
    history.deploy(60, "b")
    figures = history.figures(until=30)
    assert (figures.changes, figures.failed, figures.time_to_restore.open) == (1, 1, 1)
    assert figures.per_day is None


def test_a_window_shorter_than_a_day_tells_count_and_length_and_no_rate(history: History) -> None:
    for minute, model in enumerate("abc"):
        history.deploy(minute, model)
    short, day = history.figures(until=30), history.figures(until=24 * 60)
    assert "not measurable: the window is shorter than a day" in str(short.to_json()["deployment_frequency"])
    assert words(short)[1].answer == "3 changes in 0:30:00"
    assert words(day)[1].answer == "3 a day, 3 changes"


def _at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def _subject(name: str, what: str) -> Subject:
    return Subject(name, sha256_bytes(what.encode()))
