"""The report as data: every statement that it rests on, and what was worked out from files that they cite by digest."""

from dataclasses import dataclass

from assay.digests import sha256_json
from assay.json_types import Json, JsonObject
from assay.ledger import LedgerEntry
from assay.records import Step
from assay.spec import PipelineSpec
from assay.store import Store
from tasks.decide_promotion import policy_json
from tasks.reporting.model_story import ModelStory
from tasks.reporting.predictions import derive, read_predictions


@dataclass(frozen=True)
class Purpose:
    """What people say the model is for. is_signed: it stands in a statement; otherwise in the pipeline's spec."""

    description: str
    owner: str
    is_signed: bool


def report_document(
    story: ModelStory, store: Store, spec: PipelineSpec | None, version: int | None = None
) -> JsonObject:
    """model, statements by step, served, serving, derived, purpose, policy; the same for the same statements.

    version: of the registry, where no statement names one.

    Raises IntegrityError when a file that a statement cites is gone or changed.
    """
    assayed = story.chain[Step.ASSAY]
    gate = story.chain[Step.GATE]
    return {
        "model": {
            **story.model.to_json(),
            "pipeline": story.pipeline,
            "version": version if story.version is None else story.version,
        },
        "serves": story.serves,
        "purpose": _purpose_json(story, spec),
        "policy_is_the_specs": _is_policy_of(spec, gate),
        "statements": {step.value: _statement(entry) for step, entry in story.chain.items() if entry},
        "served": [_statement(entry) for entry in story.served],
        "serving": _statement(story.serving) if story.serving else None,
        "derived": _derived(assayed, store) if assayed else None,
    }


def _statement(entry: LedgerEntry) -> JsonObject:
    """One statement as it was signed, and what the ledger adds: its place, its digest and who signed."""
    record = entry.record.to_json()
    return {
        "seq": entry.seq,
        "sha256": entry.sha256,
        "role": entry.role.value,
        "keyid": entry.keyid,
        **record,
    }


def _derived(assayed: LedgerEntry, store: Store) -> JsonObject | None:
    facts = assayed.report.facts
    sha256, metrics = facts.get("predictions"), facts.get("metrics")
    if not isinstance(sha256, str):
        return None
    accuracy = metrics.get("accuracy") if hasattr(metrics, "get") else None  # type: ignore[union-attr]
    found = derive(read_predictions(sha256, store), accuracy if isinstance(accuracy, float) else None)
    return {"predictions": sha256, **found}


def _purpose_json(story: ModelStory, spec: PipelineSpec | None) -> Json:
    purpose = _purpose(story, spec)
    if purpose is None:
        return None
    return {"description": purpose.description, "owner": purpose.owner, "is_signed": purpose.is_signed}


def _purpose(story: ModelStory, spec: PipelineSpec | None) -> Purpose | None:
    """What a statement says of it, the newest first; else what the spec says now."""
    for step in (Step.REGISTER, Step.GATE, Step.ASSAY):
        entry = story.chain[step]
        said = entry.report.facts.get("purpose") if entry else None
        if hasattr(said, "get"):
            return Purpose(str(said.get("description") or ""), str(said.get("owner") or ""), is_signed=True)  # type: ignore[union-attr]
    return Purpose(spec.description, spec.owner, is_signed=False) if spec else None


def _is_policy_of(spec: PipelineSpec | None, gate: LedgerEntry | None) -> bool | None:
    """Whether the gate judged by the policy of `spec`; None where there is nothing to compare."""
    if spec is None or gate is None:
        return None
    return gate.report.facts.get("policy_sha256") == sha256_json(policy_json(spec))
