"""All that the ledger states of one model, found by whatever name a person gives it.

Data may be collected, screened and split again, alike, by later runs. What counts here is what this model's gate
judged; where no gate spoke, what the run that exported it stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from assay.errors import SpecError
from assay.evidence_chain import Pick, evidence_chain, newest_statement
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.refs import check_writable, is_digest, is_model, resolve
from assay.lineage.store import LineageStore
from assay.records import Step, Subject, Verdict

MODEL_FORMS = "a digest (8 digits or more) or model/NAME[:VERSION|@ALIAS|@DIGEST]"
_EVERY = 10_000_000


@dataclass(frozen=True)
class Dossier:
    """statements: of each step the one behind this model; None where the ledger holds none.

    registered: statements that gave it a version, oldest first.
    """

    model: Subject
    statements: Mapping[Step, LedgerEntry | None]
    registered: tuple[LedgerEntry, ...]

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """Its versions in the registry, each once, oldest first."""
        return tuple(dict.fromkeys(str(entry.report.facts.get("version")) for entry in self.registered))

    def subject(self, role: str) -> Subject | None:
        """What the model's statements call `role`, such as `raw` or `train`; the last step that speaks of it counts."""
        told = [entry.report for entry in self.statements.values() if entry is not None]
        named = [{**report.inputs, **report.products}.get(role) for report in told]
        return next((subject for subject in reversed(named) if subject is not None), None)

    def facts(self, step: Step) -> JsonObject:
        """Of that step's report; nothing where there is no statement."""
        entry = self.statements.get(step)
        return entry.report.facts if entry else {}

    def to_json(self) -> JsonObject:
        """The model by its names."""
        return {"name": self.model.name, "digest": self.model.sha256, "versions": list(self.versions)}


def check_model_reference(reference: str) -> None:
    """Raises SpecError, without asking the database, for what cannot name a model."""
    check_writable(reference)
    if not (is_digest(reference) or is_model(reference)):
        raise SpecError(
            f"{reference!r}: expected a model that a pipeline exported, named as {MODEL_FORMS}; "
            "`assay lineage down` tells which models were made of a dataset, a row or a source"
        )


def open_dossier(reference: str, ledger: Ledger, lineage: LineageStore) -> Dossier:
    """reference: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest.

    Raises SpecError when it names no exported model, IntegrityError when a statement does not verify.
    """
    check_model_reference(reference)
    with lineage.database.transaction() as connection:
        digests = resolve(connection, reference, None)
    exported = [entry for digest in digests for entry in ledger.find(subject_sha256=digest, step=Step.EXPORT, limit=1)]
    if not exported:
        raise SpecError(
            f"{reference}: expected a model that a pipeline exported, found {digests[0][:16]}…, which is none; "
            "`assay lineage served` and `assay lineage down` name models"
        )
    model = exported[0].report.products["model"]
    registered = ledger.find(subject_sha256=model.sha256, step=Step.REGISTER, newest_first=False)
    gate = newest_statement(ledger, Step.GATE, model)
    return Dossier(
        model=model,
        statements={
            **evidence_chain(ledger, model, _behind(exported[0], _judged(ledger, gate))),
            Step.GATE: gate,
            Step.APPROVE: newest_statement(ledger, Step.APPROVE, model),
        },
        registered=tuple(entry for entry in registered if entry.report.verdict is Verdict.PASSED),
    )


def _behind(exported: LedgerEntry, judged: Mapping[Step, LedgerEntry]) -> Pick:
    """What the gate judged, else what the model's own run stated, else the newest."""

    def pick(ledger: Ledger, step: Step, subject: Subject | None) -> LedgerEntry | None:
        if subject is None:
            return None
        known = judged.get(step)
        if known is not None and subject in known.report.subjects():
            return known
        found = ledger.find(subject_sha256=subject.sha256, step=step, limit=_EVERY)
        own = (entry for entry in found if entry.context.run_id == exported.context.run_id)
        return next(own, next(iter(found), None))

    return pick


def _judged(ledger: Ledger, gate: LedgerEntry | None) -> dict[Step, LedgerEntry]:
    told = gate.report.facts.get("input_attestations") if gate else None
    cited = (ledger.with_sha256(str(sha256)) for sha256 in (told if isinstance(told, list) else ()))
    return {entry.report.step: entry for entry in cited if entry is not None}
