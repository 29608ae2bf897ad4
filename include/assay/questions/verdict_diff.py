"""Every check of two models side by side, with what each measured."""

from collections import Counter
from dataclasses import dataclass

from assay.json_types import JsonObject
from assay.questions.dossier import Dossier
from assay.records import Check, Step


@dataclass(frozen=True)
class VerdictDiff:
    """One check of one step; None where that model was not asked it."""

    step: Step
    check: str
    a: Check | None
    b: Check | None

    @property
    def same(self) -> bool:
        """The same verdict; what was measured may differ."""
        return (self.a.verdict if self.a else None) == (self.b.verdict if self.b else None)

    @property
    def differs(self) -> bool:
        """Another verdict, or the same by another measurement."""
        return not self.same or bool(self.a and self.b and self.a.measured != self.b.measured)

    def to_json(self) -> JsonObject:
        return {
            "step": self.step.value,
            "check": self.check,
            "same": self.same,
            "a": _answer(self.a),
            "b": _answer(self.b),
        }


def diff_verdicts(a: Dossier, b: Dossier) -> tuple[VerdictDiff, ...]:
    """Step by step, in the order in which the checks were made."""
    old, new = _checks(a), _checks(b)
    steps = list(a.statements)
    keys = sorted(dict.fromkeys((*old, *new)), key=lambda key: steps.index(key[0]))
    return tuple(VerdictDiff(key[0], key[1], old.get(key), new.get(key)) for key in keys)


def _checks(dossier: Dossier) -> dict[tuple[Step, str, int], Check]:
    """By step, name and how many of that name came before it."""
    found: dict[tuple[Step, str, int], Check] = {}
    for step, entry in dossier.statements.items():
        seen: Counter[str] = Counter()
        for check in entry.report.checks if entry else ():
            found[step, check.name, seen[check.name]] = check
            seen[check.name] += 1
    return found


def _answer(check: Check | None) -> JsonObject | None:
    if check is None:
        return None
    return {"verdict": check.verdict.value, "measured": check.measured, "threshold": check.threshold}
