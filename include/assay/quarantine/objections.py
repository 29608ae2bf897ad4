"""What the declarations in force say against a model: nothing declared bad is promoted, registered or loaded."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from assay.erasure import Erasures
from assay.errors import PolicyViolation
from assay.evidence_chain import evidence_chain
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.seen import report_sources
from assay.quarantine.declaration import Bad, Declaration, Kind, declarations_in_force
from assay.quarantine.environment import has_package
from assay.records import Step, Subject
from assay.store import Store

_USED = ("train", "holdout", "recent")


def require_sound(ledger: Ledger, store: Store, model: Subject, *, reads_rows: bool = False) -> None:
    """Raises PolicyViolation, naming what was declared bad and by whom, when a declaration speaks against `model`."""
    if found := objections(ledger, store, model, reads_rows=reads_rows):
        raise PolicyViolation(
            f"{model.name} {model.sha256[:12]}: {'; '.join(d.words for d in found)}; "
            f"train a model without it, or `assay quarantine {found[0].bad.reference} --release --reason TEXT`"
        )


def objections(ledger: Ledger, store: Store, model: Subject, *, reads_rows: bool = False) -> tuple[Declaration, ...]:
    """The declarations in force that the model's own chain of statements meets.

    reads_rows: look for rows declared bad in what it was trained and measured on. Needed once after a model was made,
    at the gate and at registration: earlier models were marked by the declaration itself.
    """
    declared = declarations_in_force(ledger).values()
    if not declared:
        return ()
    chain = [entry for entry in evidence_chain(ledger, model).values() if entry is not None]
    erasures = Erasures.of(ledger) if reads_rows else None
    return tuple(d for d in declared if model.sha256 in d.marked or _meets(d.bad, model, chain, store, erasures))


def statement_meets(bad: Bad, entry: LedgerEntry, store: Store) -> bool:
    """Whether what one statement made or read, its signer or its environment is what is declared bad; rows aside."""
    if bad.kind is Kind.KEY:
        return entry.keyid == bad.name
    if bad.kind is Kind.DEPENDENCY:
        return has_package(entry.record.provenance.environment, bad.name, store)
    sources = report_sources(entry.report)
    if bad.kind is Kind.SOURCE and any(source.name == bad.name for source in sources):
        return True
    subjects = (*entry.report.inputs.values(), *entry.report.products.values())
    named = {subject.sha256 for subject in subjects} | {source.id for source in sources}
    return not bad.digests.isdisjoint(named)


def _meets(bad: Bad, model: Subject, chain: Iterable[LedgerEntry], store: Store, erasures: Erasures | None) -> bool:
    """erasures: with which to read rows; without, rows are not read."""
    if bad.kind is Kind.ROWS:
        return erasures is not None and _holds_rows(bad, chain, store, erasures)
    return model.sha256 in bad.digests or any(statement_meets(bad, entry, store) for entry in chain)


def _holds_rows(bad: Bad, chain: Iterable[LedgerEntry], store: Store, erasures: Erasures) -> bool:
    used = dict.fromkeys(subject for entry in chain for subject in _used(entry) if _is_of(bad.name, subject))
    with tempfile.TemporaryDirectory(prefix="assay-rows-") as folder:
        return any(erasures.rows_of_each(used, bad.rows, store, Path(folder)).values())


def _used(entry: LedgerEntry) -> Iterator[Subject]:
    if entry.report.step in (Step.SPLIT, Step.TRAIN, Step.ASSAY):
        told: Mapping[str, Subject] = {**entry.report.inputs, **entry.report.products}
        yield from (told[role] for role in _USED if role in told)


def _is_of(dataset: str, subject: Subject) -> bool:
    return subject.name == f"dataset/{dataset}" or subject.name.startswith(f"dataset/{dataset}.")
