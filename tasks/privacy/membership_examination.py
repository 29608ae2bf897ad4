"""Membership inference against a finished model: by reference models of its own class, and by labels alone.

The model is asked through the file that will be served. When the budget pays for fewer than four reference models the
likelihood-ratio attack is not checked; what the weaker attacks found is told, and bounds nothing.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.bundle import load_bundle
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.records import Check, Subject, Verdict
from assay.sdk import Rows
from assay.spec import MembershipSpec
from tasks.examination.case import Examined, ModelCase
from tasks.privacy.audited import AuditedRows, audit_rows
from tasks.privacy.curve import curve_points
from tasks.privacy.label_only import keep_labels
from tasks.privacy.leaks import Sight, membership_sight
from tasks.privacy.membership import (
    FEWEST_REFERENCES,
    MembershipResult,
    References,
    confidence,
    infer_membership,
    judge_scores,
    train_references,
)
from tasks.privacy.planted import find_planted
from tasks.privacy.reference_models import Recipe, ReferenceFit
from tasks.training.rows import select_rows, split_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRIC, METRIC_RATE = "membership_true_positive_rate", 0.01
FEWEST_ROWS = 100
NAME, BY_LABELS = "membership by reference models", "membership by labels alone"
_LABELS_SHARE = 0.1


@dataclass(frozen=True)
class _Made:
    """What one attack found; `result` None and `problem` in words where it was not made."""

    result: MembershipResult | None
    sight: Sight
    seconds: float
    problem: str = ""


def examine_membership(case: ModelCase, asked: MembershipSpec) -> Examined:
    """facts: samples, and one entry an attack: reference_models, labels_alone, confidence_alone.

    membership_true_positive_rate: of the reference models' attack at 1 % false positives.
    """
    made = load_bundle(Subject(f"model/{case.spec.name}", case.bundle.exported_from), case.store).facts
    known = split_validation(case.training())
    members = _without_canaries(known.train, made, case.classes)
    audited = audit_rows(members, _known_classes(case.rows["holdout"], case.classes), asked.samples)
    count = len(audited.rows) // 2
    if count < FEWEST_ROWS:
        words = f"needs {FEWEST_ROWS} training rows and as many of the holdout, found {count} of each"
        return Examined({"problem": words}, (Check(NAME, Verdict.NOT_CHECKED, words),))
    case.say(f"membership: {count} training rows and {count} others")
    parameters, robust = _mapping(made.get("parameters")), _mapping(made.get("robust"))
    recipe = Recipe(case.spec, parameters, robust, known.validation, case.classes)
    return _attacked(case, asked, audited, recipe)


def _attacked(case: ModelCase, asked: MembershipSpec, audited: AuditedRows, recipe: Recipe) -> Examined:
    by_references, by_labels = membership_sight(audited.rows.inputs, case.classes, case.seed)
    labelled = _by_labels(case, audited, asked, by_labels)
    answers = case.served.predict(audited.rows.inputs).probabilities
    full, trained = _by_references(case, audited, asked, recipe, answers, by_references)
    simple = judge_scores(confidence(answers, audited.rows.labels), audited.is_member, case.seed)
    count = len(audited.rows) // 2
    facts: JsonObject = {
        "samples": {"members": count, "others": count},
        "reference_models": {
            "asked": asked.reference_models,
            "trained": trained,
            "rows_each": len(audited.rest) + count,
            "budget_seconds": asked.seconds,
            **_told(full, audited),
        },
        "labels_alone": _told(labelled, audited),
        "confidence_alone": _result_json(simple, audited),
    }
    checks = _check(NAME, full), _check(BY_LABELS, labelled)
    if full.result is None or not full.sight.sees:
        return Examined(facts, checks)
    rate, ci95 = full.result.true_positive_rates[METRIC_RATE]
    return Examined(facts, checks, {METRIC: rate}, {METRIC: ci95})


def _by_references(
    case: ModelCase,
    audited: AuditedRows,
    asked: MembershipSpec,
    recipe: Recipe,
    answers: "NDArray[Any]",
    sight: Sight,
) -> tuple[_Made, int]:
    """The attack, and how many reference models it rests on."""
    started = time.perf_counter()
    labels = audited.rows.labels
    fit = ReferenceFit(recipe, audited, case.workdir, started + asked.seconds)
    try:
        references = train_references(fit, labels, asked.reference_models, asked.seconds, case.seed, case.say)
    except SpecError as error:
        return _Made(None, sight, time.perf_counter() - started, str(error)), 0
    trained = len(references.known)
    if not references.are_enough:
        return _Made(None, sight, references.seconds, _too_few(references, asked)), trained
    result = infer_membership(references, answers, labels, audited.is_member, case.seed)
    return _Made(result, sight, time.perf_counter() - started), trained


def _by_labels(case: ModelCase, audited: AuditedRows, asked: MembershipSpec, sight: Sight) -> _Made:
    started = time.perf_counter()
    rows = audited.rows
    found = keep_labels(
        lambda inputs: case.served.predict(inputs).label,
        rows.inputs,
        rows.labels,
        asked.seconds * _LABELS_SHARE,
        case.seed,
    )
    case.say(f"membership: labels asked {found.queries} times a row, {time.perf_counter() - started:.0f} s")
    result = judge_scores(found.scores, audited.is_member, case.seed)
    return _Made(result, sight, time.perf_counter() - started)


def _too_few(references: References, asked: MembershipSpec) -> str:
    return (
        f"{asked.seconds} s paid for {len(references.known)} reference models of {asked.reference_models}, "
        f"{FEWEST_REFERENCES} are needed; raise assay.privacy.membership.seconds"
    )


def _known_classes(rows: Rows, classes: int) -> Rows:
    """A row of a class that training never saw has no place among the answers."""
    return select_rows(rows, rows.labels < classes)


def _without_canaries(train: Rows, made: JsonObject, classes: int) -> Rows:
    """Planted rows were learned under other labels than the dataset says."""
    import numpy as np

    planted = find_planted(train, made, classes)
    if planted is None:
        return train
    return select_rows(train, np.setdiff1d(np.arange(len(train)), planted.places))


def _told(made: _Made, audited: AuditedRows) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "seconds": round(made.seconds, 3),
        "canary": {"auc": made.sight.auc, "needed": made.sight.needed, "sees": made.sight.sees},
    }
    if made.result is None:
        return {**facts, "problem": made.problem}
    return {**facts, **_result_json(made.result, audited)}


def _result_json(result: MembershipResult, audited: AuditedRows) -> dict[str, Json]:
    rates: dict[str, Json] = {
        f"{rate:g}": {"value": share, "ci95": list(ci95)} for rate, (share, ci95) in result.true_positive_rates.items()
    }
    points: list[Json] = [list(point) for point in curve_points(result.scores, audited.is_member)]
    return {
        "true_positive_rates": rates,
        "auc": {"value": result.auc, "ci95": list(result.auc_ci95)},
        "curve": points,
    }


def _check(name: str, made: _Made) -> Check:
    if made.result is None:
        return Check(name, Verdict.NOT_CHECKED, made.problem)
    if not made.sight.sees:
        words = f"blind: area {made.sight.auc:.2f} on a model that knows its rows by heart, {made.sight.needed} needed"
        return Check(name, Verdict.NOT_CHECKED, words)
    share, (low, high) = made.result.true_positive_rates[METRIC_RATE]
    words = (
        f"{share:.4f} of the training rows found at 1 % false positives, 95 % interval {low:.4f} to {high:.4f}, "
        f"area {made.result.auc:.3f}"
    )
    return Check(name, Verdict.PASSED, words, measured=share)


def _mapping(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}
