"""Follow a model back to its raw data through signed statements: model, candidate, train, admitted, raw."""

from collections.abc import Mapping

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


def evidence_chain(ledger: Ledger, model: Subject) -> Mapping[Step, LedgerEntry | None]:
    """Step -> the newest statement on what the step after it cites; None where the chain is broken."""
    assay = _newest(ledger, Step.ASSAY, model)
    export = _newest(ledger, Step.EXPORT, model)
    train = _newest(ledger, Step.TRAIN, _cited(export, "candidate"))
    split = _newest(ledger, Step.SPLIT, _cited(train, "train"))
    screen = _newest(ledger, Step.SCREEN, _cited(split, "admitted"))
    raw = _cited(screen, "raw")
    return {
        Step.COLLECT: _newest(ledger, Step.COLLECT, raw),
        Step.VALIDATE: _newest(ledger, Step.VALIDATE, raw),
        Step.SCREEN: screen,
        Step.SPLIT: split,
        Step.TRAIN: train,
        Step.EXPORT: export,
        Step.ASSAY: assay,
    }


def _newest(ledger: Ledger, step: Step, subject: Subject | None) -> LedgerEntry | None:
    """The newest word counts: a later refusal is not outvoted by an earlier pass."""
    if subject is None:
        return None
    return next(iter(ledger.find(subject_sha256=subject.sha256, step=step, limit=1)), None)


def _cited(entry: LedgerEntry | None, role: str) -> Subject | None:
    return entry.report.inputs.get(role) if entry is not None else None
