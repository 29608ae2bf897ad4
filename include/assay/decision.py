"""What the ledger says of a model: was it let through, by whom, and what of it serves now.

Only signed statements count. `Ledger.find` verifies each signature; here the key's role is checked too,
since a producer's key must not be able to pass a gate.
"""

from collections.abc import Sequence

from assay.errors import IntegrityError, PolicyViolation
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Subject, Verdict
from assay.signing import KeyRole

_SERVING_STEPS = (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)


def latest_gate(ledger: Ledger, model: Subject) -> LedgerEntry:
    """The newest gate statement on `model`, which must be `passed`: what registration and deployment need.

    Raises PolicyViolation when there is none, or when it refused.
    """
    newest = next(iter(ledger.find(subject_sha256=model.sha256, step=Step.GATE, limit=1)), None)
    return _let_through(newest, model, Step.GATE, KeyRole.GATE)


def standing_gate(ledger: Ledger, model: Subject) -> LedgerEntry:
    """The newest gate statement that let `model` through: what loading and rolling back need.

    A later refusal keeps a model from being promoted again; it does not take away what already serves.
    That is what rollback and cut-out are for.
    """
    entries = ledger.find(subject_sha256=model.sha256, step=Step.GATE)
    passed = next((entry for entry in entries if _is_pass(entry, KeyRole.GATE)), None)
    return _let_through(passed, model, Step.GATE, KeyRole.GATE)


def registration(ledger: Ledger, model: Subject, version: int) -> LedgerEntry:
    """The statement that bound `model` to `version` of the registry.

    Raises IntegrityError when there is none: then the registry says something that nobody signed.
    """
    for entry in ledger.find(subject_sha256=model.sha256, step=Step.REGISTER):
        if entry.report.facts.get("version") == version and _is_pass(entry, KeyRole.PRODUCER):
            return entry
    raise IntegrityError(
        f"{model.name} version {version}: the registry says it is {model.sha256}, no signed statement does; "
        "the registry was changed: restore it or open an incident"
    )


def serving_now(ledger: Ledger, pipeline: str) -> LedgerEntry | None:
    """The deployment or rollback that put the present champion in place; None after a cut-out or before any."""
    return put_in_place(serving_history(ledger, pipeline))


def put_in_place(history: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """The same of any stretch of `serving_history`, as it was at the end of it."""
    return history[0] if history and history[0].report.step is not Step.CUT_OUT else None


def serving_history(ledger: Ledger, pipeline: str) -> list[LedgerEntry]:
    """Successful deployments, rollbacks and cut-outs, newest first."""
    found = [entry for step in _SERVING_STEPS for entry in ledger.find(step=step, pipeline=pipeline)]
    return sorted((entry for entry in found if _is_pass(entry, KeyRole.PRODUCER)), key=lambda e: e.seq, reverse=True)


def approved_files(ledger: Ledger, pipeline: str) -> dict[int, str]:
    """Version -> sha256 of its model.onnx, of everything that was ever deployed."""
    return {
        int(str(entry.report.facts["version"])): str(entry.report.facts["onnx_sha256"])
        for entry in reversed(serving_history(ledger, pipeline))
        if entry.report.step is not Step.CUT_OUT
    }


def signed_server_code(ledger: Ledger, pipeline: str) -> frozenset[str]:
    """Digests of the server code that deployments and rollbacks of the pipeline stated."""
    told = (entry.report.facts.get("server_code_sha256") for entry in serving_history(ledger, pipeline))
    return frozenset(str(one) for one in told if one)


def _is_pass(entry: LedgerEntry, role: KeyRole) -> bool:
    return entry.role is role and entry.report.verdict is Verdict.PASSED


def _let_through(entry: LedgerEntry | None, model: Subject, step: Step, role: KeyRole) -> LedgerEntry:
    wanted = f"{model.name}: expected a passed {step.value} statement for {model.sha256}"
    if entry is None:
        raise PolicyViolation(f"{wanted}, found none; run the whole pipeline, so that the model is examined")
    if entry.role is not role:
        raise PolicyViolation(f"{wanted} signed by a {role.value} key, entry {entry.seq} has a {entry.role.value} key")
    if entry.report.verdict is not Verdict.PASSED:
        reasons = "; ".join(c.detail for c in entry.report.checks if c.verdict is not Verdict.PASSED)
        raise PolicyViolation(f"{wanted}, entry {entry.seq} says {entry.report.verdict.value}: {reasons}")
    return entry
