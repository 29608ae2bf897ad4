"""Follow a model back to its raw data through signed statements: model, candidate, train, admitted, raw."""

from collections.abc import Mapping
from typing import Protocol

from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Subject

REQUIRED_STEPS = (
    Step.COLLECT,
    Step.VALIDATE,
    Step.SCREEN,
    Step.SPLIT,
    Step.TRAIN,
    Step.EXPORT,
    Step.ASSAY,
)


class Pick(Protocol):
    """Chooses among the statements of `step` on `subject`; None where there is none, or no subject."""

    def __call__(self, ledger: Ledger, step: Step, subject: Subject | None) -> LedgerEntry | None: ...


def newest_statement(ledger: Ledger, step: Step, subject: Subject | None) -> LedgerEntry | None:
    """The newest word counts: a later refusal is not outvoted by an earlier pass."""
    if subject is None:
        return None
    return next(iter(ledger.find(subject_sha256=subject.sha256, step=step, limit=1)), None)


def evidence_chain(ledger: Ledger, model: Subject, pick: Pick = newest_statement) -> Mapping[Step, LedgerEntry | None]:
    """Step -> the statement on what the step after it cites; None where the chain is broken."""
    assay = pick(ledger, Step.ASSAY, model)
    export = pick(ledger, Step.EXPORT, model)
    train = pick(ledger, Step.TRAIN, _cited(export, "candidate"))
    split = pick(ledger, Step.SPLIT, _cited(train, "train"))
    screen = pick(ledger, Step.SCREEN, _cited(split, "admitted"))
    raw = _cited(screen, "raw")
    return {
        Step.COLLECT: pick(ledger, Step.COLLECT, raw),
        Step.VALIDATE: pick(ledger, Step.VALIDATE, raw),
        Step.SCREEN: screen,
        Step.SPLIT: split,
        Step.TRAIN: train,
        Step.EXPORT: export,
        Step.ASSAY: assay,
    }


def _cited(entry: LedgerEntry | None, role: str) -> Subject | None:
    return entry.report.inputs.get(role) if entry is not None else None
