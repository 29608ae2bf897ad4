"""All that the ledger states of one model, found by whatever name a person gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from assay.errors import SpecError
from assay.evidence_chain import evidence_chain
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.refs import resolve
from assay.lineage.store import LineageStore
from assay.records import Step, Subject, Verdict


@dataclass(frozen=True)
class Dossier:
    """The newest word counts: of each step the newest statement on what the step after it cites.

    statements: None where the ledger holds none. registered: statements that gave it a version, oldest first.
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


def open_dossier(reference: str, ledger: Ledger, lineage: LineageStore) -> Dossier:
    """reference: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest.

    Raises SpecError when it names no exported model, IntegrityError when a statement does not verify.
    """
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
    decided = {step: _newest(ledger, step, model) for step in (Step.GATE, Step.APPROVE)}
    return Dossier(
        model=model,
        statements={**evidence_chain(ledger, model), **decided},
        registered=tuple(entry for entry in registered if entry.report.verdict is Verdict.PASSED),
    )


def _newest(ledger: Ledger, step: Step, model: Subject) -> LedgerEntry | None:
    return next(iter(ledger.find(subject_sha256=model.sha256, step=step, limit=1)), None)
