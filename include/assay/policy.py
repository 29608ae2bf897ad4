"""The gate's policy: small rules over signed statements, combined by `AllOf` and `AnyOf`. No I/O here.

Invariants: a rule answers with one Check in words; what is missing, stale, signed by the wrong key or
says anything but `passed` refuses; nothing but a ledger statement counts as evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from assay.json_types import JsonObject
from assay.records import Check, Step, Subject, Verdict, combined_verdict

if TYPE_CHECKING:
    from assay.ledger import LedgerEntry
    from assay.signing import KeyRole

_CLOCK_SKEW = timedelta(minutes=5)
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on the same rows: how often only one of them was right.

    champion: who was compared, in words; "" when nothing serves. problem: why it could not be made, or "". under: the
    attacker whom both faced, or "".
    """

    rows: int = 0
    only_challenger: int = 0
    only_champion: int = 0
    champion: str = ""
    problem: str = ""
    under: str = ""

    @property
    def gain(self) -> float:
        """Share right of the challenger minus the champion's, in [-1, 1]."""
        return (self.only_challenger - self.only_champion) / self.rows

    @property
    def gain_ci95(self) -> tuple[float, float]:
        """95 % interval of `gain` for paired shares (Bonett & Price 2012, their adjusted Wald interval)."""
        new, old = ((count + 1) / (self.rows + 2) for count in (self.only_challenger, self.only_champion))
        half = _Z95 * ((new + old - (new - old) ** 2) / (self.rows + 2)) ** 0.5
        return max(-1.0, new - old - half), min(1.0, new - old + half)


@dataclass(frozen=True)
class Case:
    """All that a rule may look at. statements: step -> newest statement of the chain, None where none exists.

    requested: role -> the subject this run speaks of.
    comparisons: metric and rows, such as `accuracy`, `holdout` -> the paired comparisons on them, one an attacker.
    declared_bad: what people declared bad of all that the model was made of, in words.
    """

    pipeline: str
    now: datetime
    statements: "Mapping[Step, LedgerEntry | None]"
    requested: Mapping[str, Subject] = field(default_factory=dict)
    comparisons: Mapping[tuple[str, str], tuple[Comparison, ...]] = field(default_factory=dict)
    declared_bad: tuple[str, ...] = ()

    def citations(self, role: str) -> dict[str, str]:
        """Who speaks of `role` -> the sha256 it names."""
        entries = ((step.value, entry.report) for step, entry in self.statements.items() if entry is not None)
        named = {step: {**report.inputs, **report.products}.get(role) for step, report in entries}
        named["this run"] = self.requested.get(role)
        return {who: subject.sha256 for who, subject in named.items() if subject is not None}

    def measured(self, table: str, metric: str) -> object:
        """What the assay statement says in `facts[table][metric]`, or None."""
        entry = self.statements.get(Step.ASSAY)
        values = entry.report.facts.get(table) if entry else None
        return values.get(metric) if isinstance(values, Mapping) else None


class Rule(Protocol):
    """One reason to refuse."""

    def judge(self, case: Case) -> Check:
        """The answer, in words a reviewer can read. Never raises for what the case lacks."""


@dataclass(frozen=True)
class PassedStatement:
    """A statement of `step` exists, has the right key, is fresh and says `passed`."""

    step: Step
    role: "KeyRole"
    max_age: timedelta

    def judge(self, case: Case) -> Check:
        entry, name = case.statements.get(self.step), f"evidence of {self.step.value}"
        if entry is None:
            return _refused(name, f"expected a {self.step.value} statement in the ledger, found none; run the step")
        if entry.role is not self.role:
            return _refused(
                name, f"entry {entry.seq}: expected a {self.role.value} key, found a {entry.role.value} key"
            )
        if entry.report.pipeline != case.pipeline:
            return _refused(
                name, f"entry {entry.seq}: expected pipeline {case.pipeline}, found {entry.report.pipeline}"
            )
        if not -_CLOCK_SKEW <= case.now - entry.at <= self.max_age:
            hours = (case.now - entry.at) / timedelta(hours=1)
            allowed = self.max_age / timedelta(hours=1)
            return _refused(
                name, f"entry {entry.seq} is {hours:.1f} h old, allowed {allowed:.0f} h; run the step again"
            )
        return _said(name, entry)


@dataclass(frozen=True)
class SameDigest:
    """Every statement that speaks of `role`, and this run, mean the same bytes."""

    role: str

    def judge(self, case: Case) -> Check:
        name, cited = f"digest of {self.role}", case.citations(self.role)
        if not cited.keys() - {"this run"}:
            return _refused(name, f"expected a statement on the {self.role}, found none; run the whole pipeline")
        if len(set(cited.values())) > 1:
            found = ", ".join(f"{who} cites {sha256[:12]}" for who, sha256 in cited.items())
            return _refused(name, f"expected one {self.role}: {found}; run the whole pipeline on one version")
        return Check(name, Verdict.PASSED, f"{self.role} {next(iter(cited.values()))[:12]} throughout")


@dataclass(frozen=True)
class ExaminedAsAsked:
    """The assay was asked for what the spec asks for now: robustness to a weaker attacker is not what a rule means."""

    asked: JsonObject

    def judge(self, case: Case) -> Check:
        name, entry = "examined as asked", case.statements.get(Step.ASSAY)
        found = entry.report.facts.get("asked") if entry else None
        if not isinstance(found, Mapping):
            return _refused(name, "expected a statement that says what the assay was asked for; run the assay step")
        changed = sorted(key for key in {*self.asked, *found} if self.asked.get(key) != found.get(key))
        if changed:
            return _refused(
                name, f"the spec's assay asks otherwise now: {', '.join(changed)}; run the assay step again"
            )
        return Check(name, Verdict.PASSED, "the assay was asked for what the spec asks for")


@dataclass(frozen=True)
class NothingDeclaredBad:
    """No source, version, row, package or key behind the model is in quarantine."""

    def judge(self, case: Case) -> Check:
        found = "; ".join(case.declared_bad)
        verdict = Verdict.FAILED if found else Verdict.PASSED
        return Check("quarantine", verdict, found or "nothing that the model was made of was declared bad")


@dataclass(frozen=True)
class MetricBound:
    """A metric of the assay statement within bounds; `confident` judges the unfavourable end of its interval."""

    metric: str
    minimum: float | None
    maximum: float | None
    confident: bool

    def judge(self, case: Case) -> Check:
        checks = [self._bound(case, bound, is_floor) for bound, is_floor in self._bounds()]
        return checks[0] if len(checks) == 1 else _worst(self.metric, checks)

    def _bounds(self) -> list[tuple[float, bool]]:
        both = ((self.minimum, True), (self.maximum, False))
        return [(bound, is_floor) for bound, is_floor in both if bound is not None]

    def _bound(self, case: Case, bound: float, is_floor: bool) -> Check:
        value = case.measured("metrics", self.metric)
        if self.confident:
            interval = case.measured("ci95", self.metric)
            value = interval[0 if is_floor else 1] if isinstance(interval, Sequence) and len(interval) == 2 else None
        sign, end = ("≥" if is_floor else "≤"), (" (unfavourable end of its 95 % interval)" if self.confident else "")
        if not isinstance(value, int | float):
            return _refused(
                self.metric, f"expected {self.metric}{end} {sign} {bound}, it was not measured; mend the spec"
            )
        holds = value >= bound if is_floor else value <= bound
        detail = f"{self.metric}{end} is {value:.4f}, demanded {sign} {bound}"
        return Check(self.metric, Verdict.PASSED if holds else Verdict.FAILED, detail, float(value), bound)


@dataclass(frozen=True)
class ChampionComparison:
    """Exact one-sided McNemar test on the same frozen rows (McNemar 1947; Dietterich 1998, §3.1).

    must: `not_lose` refuses a significant loss larger than `margin`; `beat` demands a significant gain
    larger than `margin`. max_loss: refuse as well while the 95 % interval reaches a larger loss, for a test of few rows
    finds nothing significant. Where there are several comparisons each must hold: a small loss on many rows is surer
    than a larger one on few. Without a champion there is nothing to lose to.
    """

    rows: str
    must: str
    margin: float
    alpha: float
    metric: str = "accuracy"
    max_loss: float | None = None

    def judge(self, case: Case) -> Check:
        found = case.comparisons.get((self.metric, self.rows)) or (Comparison(problem="was not made"),)
        checks = [self._judge(one) for one in found]
        if len(checks) == 1:
            return checks[0]
        gains = [check.measured for check in checks if check.measured is not None]
        return replace(_worst(self._name(), checks), measured=min(gains, default=None), threshold=self.margin)

    def _judge(self, found: Comparison) -> Check:
        if found.problem:
            return _refused(self._name(), f"expected a paired comparison on {self.rows}: {found.problem}")
        if not found.champion:
            return Check(self._name(), Verdict.PASSED, "no champion serves yet: nothing to compare with")
        if not found.rows:
            return Check(self._name(), Verdict.PASSED, f"this is {found.champion} itself: nothing to compare with")
        if self.must == "beat":
            p = mcnemar_p(found.only_challenger, found.only_champion)
            passed = found.gain > self.margin and p < self.alpha
        else:
            p = mcnemar_p(found.only_champion, found.only_challenger)
            passed = not (-found.gain > self.margin and p < self.alpha)
        resolved = self.max_loss is None or found.gain_ci95[0] >= -self.max_loss
        return Check(
            self._name(),
            Verdict.PASSED if passed and resolved else Verdict.FAILED,
            self._words(found, p, resolved),
            found.gain,
            self.margin,
        )

    def _name(self) -> str:
        return f"champion on {self.rows}" if self.metric == "accuracy" else f"champion's {self.metric} on {self.rows}"

    def _words(self, found: Comparison, p: float, resolved: bool) -> str:
        low, high = found.gain_ci95
        under = f"{found.under}: " if found.under else ""
        words = (
            f"{under}against {found.champion} on {found.rows} rows: only the challenger right {found.only_challenger}, "
            f"only the champion right {found.only_champion}, {self.metric} {found.gain:+.4f} "
            f"(95 % {low:+.4f} to {high:+.4f}), p = {p:.3g}; must {self.must}"
        )
        return words if resolved else f"{words}; a loss above {self.max_loss} is not excluded: gather more rows"


@dataclass(frozen=True)
class AllOf:
    """Passes when every rule does. An empty list refuses: a policy that asks nothing proves nothing."""

    name: str
    rules: tuple[Rule, ...]

    def judge(self, case: Case) -> Check:
        return _worst(self.name, [rule.judge(case) for rule in self.rules])


@dataclass(frozen=True)
class AnyOf:
    """Passes when one rule does; otherwise tells what each of them said."""

    name: str
    rules: tuple[Rule, ...]

    def judge(self, case: Case) -> Check:
        checks = [rule.judge(case) for rule in self.rules]
        passed = next((check for check in checks if check.verdict is Verdict.PASSED), None)
        return Check(self.name, Verdict.PASSED, passed.detail) if passed else _worst(self.name, checks)


def mcnemar_p(wins: int, losses: int) -> float:
    """P(at least `wins` of `wins + losses` tosses of a fair coin); 1 when the two never differ."""
    from fractions import Fraction
    from math import comb

    tosses = wins + losses
    return float(Fraction(sum(comb(tosses, k) for k in range(wins, tosses + 1)), 2**tosses))


def _said(name: str, entry: "LedgerEntry") -> Check:
    verdict = entry.report.verdict
    if verdict is Verdict.PASSED:
        return Check(name, Verdict.PASSED, f"entry {entry.seq} says passed")
    reasons = "; ".join(check.detail for check in entry.report.checks if check.verdict is not Verdict.PASSED)
    return Check(name, verdict, f"entry {entry.seq}: expected passed, found {verdict.value}: {reasons or 'no reason'}")


def _refused(name: str, detail: str) -> Check:
    return Check(name, Verdict.NOT_CHECKED, detail)


def _worst(name: str, checks: list[Check]) -> Check:
    verdict = combined_verdict(tuple(checks))
    telling = [check.detail for check in checks if check.verdict is not Verdict.PASSED] or [c.detail for c in checks]
    return Check(name, verdict, "; ".join(telling) or "there is no rule")
