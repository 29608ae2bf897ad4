"""The service history of a pipeline as its signed statements tell it: what served when, and when it was bad."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Verdict

_EVERY = 10_000_000
_SWITCHES = (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)


@dataclass(frozen=True)
class Scene:
    """A passed deploy, rollback or cut-out, or a watch that found drift; and what served just before.

    serves: digest of the model that serves from here on, "" of none. served, deployment: digests of the model and the
    deployment before, "" of none.
    """

    entry: LedgerEntry
    serves: str
    served: str
    deployment: str

    @property
    def step(self) -> Step:
        return self.entry.report.step

    @property
    def at(self) -> datetime:
        return self.entry.at

    @property
    def puts_another(self) -> bool:
        """Whether another model serves from here on."""
        return self.serves not in ("", self.served)

    @property
    def is_change(self) -> bool:
        """A deploy of another model; what serves again after a rollback is no news."""
        return self.step is Step.DEPLOY and self.puts_another

    @property
    def fails(self) -> bool:
        """Whether it tells that what served was bad."""
        if self.step is Step.WATCH:
            watched = self.entry.report.inputs.get("deployment")
            # A watch may end after another deployment has taken over.
            return watched is not None and watched.sha256 == self.deployment
        return self.step in (Step.ROLLBACK, Step.CUT_OUT) and self.served not in ("", self.serves)


def service_history(ledger: Ledger, pipeline: str | None, until: datetime) -> dict[str, list[Scene]]:
    """Of one pipeline or of all, by pipeline, in the ledger's order, as known at `until`.

    Raises IntegrityError when a statement does not verify.
    """
    found = [
        *(entry for step in _SWITCHES for entry in _all(ledger, step, Verdict.PASSED, pipeline)),
        *_all(ledger, Step.WATCH, Verdict.FAILED, pipeline),
    ]
    histories: dict[str, list[Scene]] = {}
    for entry in sorted((entry for entry in found if entry.at < until), key=lambda entry: entry.seq):
        history = histories.setdefault(entry.report.pipeline, [])
        history.append(_scene(entry, history[-1] if history else None))
    return histories


def collected_at(ledger: Ledger, pipeline: str) -> dict[str, datetime]:
    """Run id -> when its first collection began, which is when the run was set off."""
    began: dict[str, datetime] = {}
    for entry in ledger.find(step=Step.COLLECT, pipeline=pipeline, newest_first=False, limit=_EVERY):
        began.setdefault(entry.context.run_id, entry.record.started_at)
    return began


def _all(ledger: Ledger, step: Step, verdict: Verdict, pipeline: str | None) -> Sequence[LedgerEntry]:
    return ledger.find(step=step, verdict=verdict, pipeline=pipeline, newest_first=False, limit=_EVERY)


def _scene(entry: LedgerEntry, before: Scene | None) -> Scene:
    served = before.serves if before else ""
    deployment = _deployment_after(before) if before else ""
    if entry.report.step is Step.WATCH:
        return Scene(entry, served, served, deployment)
    model = entry.report.inputs.get("model")
    return Scene(entry, model.sha256 if model else "", served, deployment)


def _deployment_after(scene: Scene) -> str:
    if scene.step is Step.WATCH:
        return scene.deployment
    deployed = scene.entry.report.products.get("deployment")
    return deployed.sha256 if deployed else ""
