"""What was *not* checked for a model: the holes in its evidence, each with the reason that stands in a statement.

What was checked and failed is no hole; `assay lineage diff` and the trust report tell of it.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from assay.evidence_chain import evidence_chain
from assay.json_types import Json, JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.spans import spans_of
from assay.lineage.store import LineageStore
from assay.quarantine.declaration import Declaration, declarations_in_force
from assay.questions.blindness import blind_spots, is_blind
from assay.questions.dossier import Dossier, open_dossier
from assay.questions.threats import threats_not_tried
from assay.records import Step, Verdict


class Kind(str, Enum):
    """Why nothing is known: nobody stated it, asked it or tried it; it was asked in vain; who looked was blind; old."""

    NO_STATEMENT = "no_statement"
    NOT_ASKED = "not_asked"
    NOT_ATTACKED = "not_attacked"
    NOT_CHECKED = "not_checked"
    BLIND = "blind"
    STALE = "stale"


@dataclass(frozen=True)
class Hole:
    """what: the step, examination, detector or check. why: the reason, in words. entry: who says so, None: nobody."""

    kind: Kind
    step: Step
    what: str
    why: str
    entry: int | None = None

    def to_json(self) -> JsonObject:
        return {
            "kind": self.kind.value,
            "step": self.step.value,
            "what": self.what,
            "why": self.why,
            "entry": self.entry,
        }


@dataclass(frozen=True)
class Coverage:
    """checked: how many checks gave an answer, yes or no. holes: in the order of the steps.

    declared: what in quarantine the model is, or was made of.
    """

    dossier: Dossier
    checked: int
    holes: tuple[Hole, ...]
    declared: tuple[Declaration, ...]
    seconds: float

    def to_json(self) -> JsonObject:
        return {
            "model": self.dossier.to_json(),
            "checked": self.checked,
            "not_checked": [hole.to_json() for hole in self.holes],
            "quarantine": [one.brief() for one in self.declared],
            "seconds": round(self.seconds, 6),
        }


def coverage(
    reference: str, ledger: Ledger, lineage: LineageStore, now: datetime, max_age: timedelta = timedelta(days=90)
) -> Coverage:
    """reference: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest. max_age: of evidence that is not called stale.

    Raises SpecError when it names no exported model, IntegrityError when a statement does not verify.
    """
    started = time.perf_counter()
    dossier = open_dossier(reference, ledger, lineage)
    stated = [entry for entry in dossier.statements.values() if entry is not None]
    holes = (
        *_without_statement(dossier),
        *(hole for entry in stated for hole in _in_statement(entry)),
        *_not_attacked(dossier),
        *_stale(dossier, now, max_age),
        *_contradicted(dossier, ledger),
        *_unwatched(dossier, ledger, lineage),
    )
    checked = sum(check.verdict is not Verdict.NOT_CHECKED for entry in stated for check in entry.report.checks)
    order = list(Step)
    ordered = tuple(sorted(holes, key=lambda hole: order.index(hole.step)))
    declared = tuple(one for one in declarations_in_force(ledger).values() if one.means(dossier.model.sha256))
    return Coverage(dossier, checked, ordered, declared, time.perf_counter() - started)


_UNKNOWN_WITHOUT = {
    Step.COLLECT: "where its data came from is not known",
    Step.VALIDATE: "whether its data met any expectation is not known",
    Step.SCREEN: "whether its data were poisoned is not known",
    Step.SPLIT: "whether it was measured on rows it had learned is not known",
    Step.TRAIN: "what it was trained on, and how, is not known",
    Step.ASSAY: "nothing is known of how right and how robust it is",
    Step.GATE: "no policy let it through",
    Step.APPROVE: "no person approved it: the policy alone decided, if anything did",
}


def _without_statement(dossier: Dossier) -> Iterator[Hole]:
    for step, entry in dossier.statements.items():
        if entry is None:
            yield Hole(Kind.NO_STATEMENT, step, step.value, _UNKNOWN_WITHOUT.get(step, "the ledger has no statement"))


def _in_statement(entry: LedgerEntry) -> Iterator[Hole]:
    report = entry.report
    for check in report.checks:
        if check.verdict is Verdict.NOT_CHECKED:
            kind = Kind.BLIND if is_blind(check) else Kind.NOT_CHECKED
            yield Hole(kind, report.step, check.name, check.detail, entry.seq)
    for what in blind_spots(report.facts):
        yield Hole(Kind.BLIND, report.step, what, "it missed what was planted for it to find", entry.seq)
    for key in ("not_examined", "not_asked"):
        for what, why in _words(report.facts.get(key)).items():
            yield Hole(Kind.NOT_ASKED, report.step, what, why, entry.seq)
    if report.step is Step.ASSAY:
        yield from _of_privacy(entry)
        if "not_examined" not in report.facts:
            why = "the statement does not say which examinations were left out"
            yield Hole(Kind.NOT_ASKED, report.step, "examinations", why, entry.seq)


def _of_privacy(entry: LedgerEntry) -> Iterator[Hole]:
    """Parts of the examination of privacy that the spec left out: `PART: reason`."""
    privacy = entry.report.facts.get("privacy")
    notes = privacy.get("notes") if isinstance(privacy, Mapping) else None
    for note in notes if isinstance(notes, list) else ():
        part, _, why = str(note).partition(": ")
        yield Hole(Kind.NOT_ASKED, entry.report.step, f"privacy: {part}", why, entry.seq)


def _not_attacked(dossier: Dossier) -> Iterator[Hole]:
    assay = dossier.statements.get(Step.ASSAY)
    if assay is not None:
        for what, why in threats_not_tried(assay.report.facts, dossier.facts(Step.EXPORT)):
            yield Hole(Kind.NOT_ATTACKED, Step.ASSAY, what, why, assay.seq)


def _stale(dossier: Dossier, now: datetime, max_age: timedelta) -> Iterator[Hole]:
    for step, entry in dossier.statements.items():
        if entry is not None and now - entry.at > max_age:
            days = (now - entry.at) / timedelta(days=1)
            words = f"stated {days:.0f} days ago, more than {max_age / timedelta(days=1):.0f}"
            yield Hole(Kind.STALE, step, step.value, words, entry.seq)


def _contradicted(dossier: Dossier, ledger: Ledger) -> Iterator[Hole]:
    """The same thing was looked at again since, and the newest word is not a pass."""
    for step, entry in evidence_chain(ledger, dossier.model).items():
        behind = dossier.statements.get(step)
        if entry is not None and behind is not None and entry.seq > behind.seq:
            verdict = entry.report.verdict
            if verdict is not Verdict.PASSED:
                words = f"a newer statement says {verdict.value}; the model rests on entry {behind.seq}"
                yield Hole(Kind.STALE, step, step.value, words, entry.seq)


def _unwatched(dossier: Dossier, ledger: Ledger, lineage: LineageStore) -> Iterator[Hole]:
    """Where it serves: whether anybody judged what it answers there."""
    name = dossier.model.name.removeprefix("model/")
    with lineage.database.transaction() as connection:
        spans = spans_of(connection, [name], [dossier.model.sha256], None)
    for deployment in {span.deployment for span in spans if span.is_live}:
        watched = ledger.find(subject_sha256=deployment, step=Step.WATCH)
        judged = any(entry.report.verdict is not Verdict.NOT_CHECKED for entry in watched)
        if not judged:
            why = watched[0].report.checks[0].detail if watched else "no watch of the serving deployment is stated"
            yield Hole(Kind.NOT_CHECKED, Step.WATCH, "served traffic", why, watched[0].seq if watched else None)


def _words(told: Json) -> dict[str, str]:
    return {str(name): str(why) for name, why in told.items()} if isinstance(told, Mapping) else {}
