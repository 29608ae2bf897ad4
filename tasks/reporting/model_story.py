"""All that the ledger says of one model: the chain up to its assay, what was decided, and what of it served.

`Ledger.find` verifies every signature, and that the key may sign such a step, before a statement gets here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.decision import put_in_place, serving_history
from assay.errors import SpecError
from assay.evidence_chain import REQUIRED_STEPS, evidence_chain
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Subject

DECISIONS = (Step.GATE, Step.APPROVE, Step.REGISTER)


@dataclass(frozen=True)
class ModelStory:
    """chain: each step up to the assay and each decision after it, in order; None where nothing is signed.

    served: deployments and rollbacks that put this model in place, oldest first. serving: what put the pipeline's
    present model in place, None when nothing serves.
    """

    model: Subject
    pipeline: str
    chain: Mapping[Step, LedgerEntry | None]
    served: tuple[LedgerEntry, ...]
    serving: LedgerEntry | None

    @property
    def version(self) -> int | None:
        """Of the registry, as signed when it was registered."""
        entry = self.chain[Step.REGISTER]
        version = entry.report.facts.get("version") if entry else None
        return version if isinstance(version, int) else None

    @property
    def serves(self) -> bool:
        return self.serving is not None and self.serving.report.inputs.get("model") == self.model


def model_story(ledger: Ledger, model: Subject, *, up_to_gate: bool = False) -> ModelStory:
    """The newest word of each step counts.

    up_to_gate: no decision after the gate's, and what served when it decided; so a later deployment changes nothing.
    Raises SpecError when no statement speaks of `model`.
    """
    found = evidence_chain(ledger, model)
    decisions = DECISIONS[:1] if up_to_gate else DECISIONS
    decided = {step: _newest(ledger, step, model) if step in decisions else None for step in DECISIONS}
    chain = {**{step: found[step] for step in REQUIRED_STEPS}, **decided}
    spoken = next((entry for step in (Step.ASSAY, Step.EXPORT, *DECISIONS) if (entry := chain[step])), None)
    if spoken is None:
        raise SpecError(f"{model.name}: expected statements on {model.sha256}, found none; run the pipeline first")
    pipeline = spoken.report.pipeline
    history, gate = serving_history(ledger, pipeline), chain[Step.GATE]
    if up_to_gate and gate is not None:
        history = [entry for entry in history if entry.seq < gate.seq]
    served = tuple(entry for entry in reversed(history) if entry.report.inputs.get("model") == model)
    return ModelStory(model, pipeline, chain, served, put_in_place(history))


def _newest(ledger: Ledger, step: Step, model: Subject) -> LedgerEntry | None:
    return next(iter(ledger.find(subject_sha256=model.sha256, step=step, limit=1)), None)
