"""For one model: every control of every framework, what evidences it, and plainly where nothing does."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Any

from assay.controls.evidence import Evidence, State, Statements, find_evidence
from assay.json_types import Json, JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.questions.dossier import Dossier
from assay.records import Step

_MOST = 1000


class Standing(str, Enum):
    """Of one control. EVIDENCED: all of it held. PARTLY: some of it. AGAINST: something was examined and failed."""

    EVIDENCED = "evidenced"
    PARTLY = "partly evidenced"
    AGAINST = "evidence against"
    NOT_EVIDENCED = "not evidenced"


@dataclass(frozen=True)
class Control:
    """What a framework demands, and what the ledger holds of it."""

    framework: str
    id: str
    title: str
    asks: str
    evidence: tuple[Evidence, ...]

    @property
    def standing(self) -> Standing:
        states = {one.state for one in self.evidence}
        if State.AGAINST in states:
            return Standing.AGAINST
        if State.SHOWN not in states:
            return Standing.NOT_EVIDENCED
        return Standing.PARTLY if State.ABSENT in states else Standing.EVIDENCED

    def to_json(self) -> JsonObject:
        evidence: Json = [one.to_json() for one in self.evidence]
        return {
            "framework": self.framework,
            "id": self.id,
            "title": self.title,
            "asks": self.asks,
            "standing": self.standing.value,
            "evidence": evidence,
        }


@dataclass(frozen=True)
class ControlMap:
    """Controls in the catalogue's order."""

    dossier: Dossier
    controls: tuple[Control, ...]

    def counts(self) -> dict[str, int]:
        """How many controls stand how."""
        return {kind.value: sum(one.standing is kind for one in self.controls) for kind in Standing}

    def to_json(self) -> JsonObject:
        return {
            "model": self.dossier.to_json(),
            "counts": dict(self.counts()),
            "controls": [control.to_json() for control in self.controls],
        }


def control_map(dossier: Dossier, ledger: Ledger) -> ControlMap:
    """Raises IntegrityError when a statement does not verify."""
    statements = _statements(dossier, ledger)
    controls = (
        Control(
            framework=framework["framework"],
            id=one["id"],
            title=one["title"],
            asks=one["asks"],
            evidence=tuple(find_evidence(key, statements) for key in one["evidence"]),
        )
        for framework in catalogue()
        for one in framework["controls"]
    )
    return ControlMap(dossier, tuple(controls))


@functools.cache
def catalogue() -> list[dict[str, Any]]:
    """The frameworks, as the file beside this one names them."""
    import yaml

    loaded: list[dict[str, Any]] = yaml.safe_load((files("assay.controls") / "catalogue.yaml").read_text("utf-8"))
    return loaded


def _statements(dossier: Dossier, ledger: Ledger) -> Statements:
    """Up to the gate, those behind the model; after it, all that speak of the model or of what served with it."""
    found = {step: (entry,) for step, entry in dossier.statements.items() if entry is not None}
    approvals = ledger.find(subject_sha256=dossier.model.sha256, step=Step.APPROVE, newest_first=False, limit=_MOST)
    pipeline = dossier.model.name.removeprefix("model/")
    served = _of_model(ledger, pipeline, (Step.DEPLOY, Step.ROLLBACK), dossier)
    versions = set(dossier.versions)
    watched = (e for e in _all(ledger, pipeline, Step.WATCH) if str(e.report.facts.get("version")) in versions)
    stopped = (e for e in _all(ledger, pipeline, Step.CUT_OUT) if str(e.report.facts.get("from")) in versions)
    rolled = (e for e in _all(ledger, pipeline, Step.ROLLBACK) if str(e.report.facts.get("from")) in versions)
    return {
        **found,
        Step.APPROVE: tuple(approvals),
        Step.REGISTER: dossier.registered,
        Step.DEPLOY: tuple(entry for entry in served if entry.report.step is Step.DEPLOY),
        Step.WATCH: tuple(watched),
        Step.CUT_OUT: tuple(stopped),
        Step.ROLLBACK: tuple(rolled),
    }


def _of_model(ledger: Ledger, pipeline: str, steps: Iterable[Step], dossier: Dossier) -> list[LedgerEntry]:
    found = (entry for step in steps for entry in _all(ledger, pipeline, step))
    return [entry for entry in found if entry.report.inputs.get("model") == dossier.model]


def _all(ledger: Ledger, pipeline: str, step: Step) -> list[LedgerEntry]:
    return ledger.find(step=step, pipeline=pipeline, newest_first=False, limit=_MOST)
