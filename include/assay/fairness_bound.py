"""The gate's rule on fairness, judged on the assay statement alone: what it does not say refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.policy import Case
from assay.records import Check, Verdict


@dataclass(frozen=True)
class FairnessBound:
    """A fairness measure of one column within its bound: `minimum` of a ratio, `maximum` of a difference.

    positive: the class that the spec calls good to get, None for class 1 of two; a statement on another class is
    none. confident: judge the unfavourable end of the 95 % interval.
    """

    measure: str
    column: str
    positive: int | None
    minimum: float | None
    maximum: float | None
    confident: bool = False

    def judge(self, case: Case) -> Check:
        told = case.measured("fairness", self.column)
        if not isinstance(told, Mapping):
            return self._refused("it was not measured; run the assay step again with this spec")
        if told.get("problem"):
            return self._refused(str(told["problem"]))
        expected = 1 if self.positive is None else self.positive
        if told.get("positive") != expected:
            return self._refused(f"measured for class {told.get('positive')}; run the assay step again")
        measures = told.get("measures")
        found = measures.get(self.measure) if isinstance(measures, Mapping) else None
        if not isinstance(found, Mapping):
            return self._refused("it was not measured; run the assay step again")
        if found.get("problem"):
            return self._refused(str(found["problem"]))
        return self._bound(found)

    def _bound(self, found: Mapping[str, object]) -> Check:
        value, interval = found.get("value"), found.get("ci95")
        if self.confident:
            end = 0 if self.minimum is not None else 1
            value = interval[end] if isinstance(interval, Sequence) and len(interval) == 2 else None
        bound = self.minimum if self.minimum is not None else self.maximum
        if bound is None or not isinstance(value, int | float):
            return self._refused("the statement has no such number; run the assay step again")
        holds = value >= bound if self.minimum is not None else value <= bound
        detail = (
            f"{self._words()} is {value:.4f}, demanded {self._demanded()}: lowest {found.get('lowest')}, "
            f"highest {found.get('highest')}"
        )
        return Check(self._name(), Verdict.PASSED if holds else Verdict.FAILED, detail, float(value), bound)

    def _refused(self, why: str) -> Check:
        return Check(self._name(), Verdict.NOT_CHECKED, f"expected {self._words()} {self._demanded()}: {why}")

    def _name(self) -> str:
        return f"{self.measure} by {self.column}"

    def _words(self) -> str:
        return self._name() + (" (unfavourable end of its 95 % interval)" if self.confident else "")

    def _demanded(self) -> str:
        return f"≥ {self.minimum}" if self.minimum is not None else f"≤ {self.maximum}"
