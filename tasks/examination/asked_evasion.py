"""What is told of attacks on the served model by its answers alone: the robust accuracy, and how little it takes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.json_types import Json, JsonObject
from assay.records import Check, Verdict
from assay.sdk import Rows
from assay.spec import FeatureThreat, WordThreat
from tasks.attacks.asking import UnusableAnswer
from tasks.attacks.black_box import BlackBoxResult
from tasks.examination.attack_views import outcomes_parquet
from tasks.examination.case import ModelCase
from tasks.examination.clean import wilson
from tasks.examination.evasion import EvasionResult, threat_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.asking import Predict

    AskedThreat = WordThreat | FeatureThreat

CURVE = (0.25, 0.5, 1.0)
EXAMPLES = 3
_TIED = 1e-6


@dataclass(frozen=True)
class Attacked:
    """found, checks: of the attacks on `rows`. show: a fallen row's place to what changed, short. further: facts."""

    rows: Rows
    found: BlackBoxResult
    checks: tuple[Check, ...]
    show: Callable[[int], JsonObject]
    started: float
    further: Mapping[str, Json] = field(default_factory=dict)


def served_answers(case: ModelCase) -> "Predict":
    """Raw inputs to probabilities, as whoever asks the served model gets them."""
    return lambda batch: case.served.predict(batch).probabilities


def not_examined(threat: "AskedThreat", why: str) -> Check:
    """What cannot be attacked this way is told, never skipped."""
    return Check(f"{threat_name(threat)}: examined", Verdict.NOT_CHECKED, why)


def unusable(threat: "AskedThreat", error: UnusableAnswer) -> Check:
    """A model that answers with no probabilities has failed."""
    return Check(f"{threat_name(threat)}: examined", Verdict.FAILED, str(error))


def evasion_result(threat: "AskedThreat", attacked: Attacked, case: ModelCase) -> EvasionResult:
    """Every row is asked of the served model once more, by the label it gives.

    facts: curve, the accuracy left to those who find these moves with a smaller epsilon; mean_changes, of the rows that
    fell; mean_queries, about one row; examples, by row id and shortened, for they hold what users wrote.
    """
    found, rows, name = attacked.found, attacked.rows, threat_name(threat)
    last = case.served.predict(found.adversarial)
    robust = found.robust & (last.label == rows.labels)
    accuracy, interval = float(robust.mean()) if len(rows) else 0.0, wilson(int(robust.sum()), len(rows))
    words = f"{int(robust.sum())} of {len(rows)} rows stand, {int(found.clean.sum())} were right before"
    checks = (
        Check(f"{name}: examined", Verdict.PASSED if len(rows) else Verdict.NOT_CHECKED, words, measured=accuracy),
        *(replace(check, name=f"{name}: {check.name}") for check in attacked.checks),
        _labels_check(name, last.label, last.probabilities),
    )
    changes = [moved.changes for moved in found.moved.values()]
    clean = float(found.clean.mean()) if len(rows) else 0.0
    facts: dict[str, Json] = {
        **threat.model_dump(mode="json"),
        "samples": len(rows),
        "clean_accuracy": clean,
        "robust_accuracy": accuracy,
        "ci95": list(interval),
        "class_robust_accuracy": _by_class(robust, rows.labels, case.classes),
        "curve": [
            {"epsilon": 0.0, "robust_accuracy": clean, "rows": len(rows)},
            *(_point(found, share * threat.epsilon) for share in CURVE),
        ],
        "mean_changes": sum(changes) / len(changes) if changes else None,
        "mean_queries": float(found.queries.mean()) if len(rows) else 0.0,
        "attacks": [one.to_json() for one in found.outcomes],
        "examples": [_example(attacked, place, int(last.label[place])) for place in _least_changed(found)],
        **attacked.further,
        "seconds": round(time.perf_counter() - attacked.started, 3),
    }
    outcomes = outcomes_parquet(rows.row_ids, found.clean, robust)
    return EvasionResult(threat, len(rows), accuracy, interval, checks, facts, outcomes)


def _point(found: BlackBoxResult, epsilon: float) -> Json:
    return {"epsilon": epsilon, "robust_accuracy": found.accuracy_at(epsilon), "rows": len(found.clean)}


def _least_changed(found: BlackBoxResult) -> list[int]:
    """The rows that fell most easily."""
    moved = found.moved
    return sorted(moved, key=lambda place: (moved[place].changes, moved[place].epsilon, place))[:EXAMPLES]


def _example(attacked: Attacked, place: int, predicted: int) -> JsonObject:
    return {
        "row_id": attacked.rows.row_ids[place],
        "label": int(attacked.rows.labels[place]),
        "predicted": predicted,
        "changes": attacked.found.moved[place].changes,
        **attacked.show(place),
    }


def _by_class(robust: "NDArray[np.bool_]", labels: "NDArray[np.int64]", classes: int) -> Json:
    """One number a class; None where it has no row."""
    own = [robust[labels == number] for number in range(classes)]
    return [float(rows.mean()) if len(rows) else None for rows in own]


def _labels_check(name: str, label: "NDArray[np.int64]", probabilities: "NDArray[Any]") -> Check:
    """The attacks go by probabilities; where labels follow another rule they look for the wrong boundary."""
    import numpy as np

    top = np.sort(probabilities, axis=1)
    differs = (probabilities.argmax(axis=1) != label) & (top[:, -1] - top[:, -2] > _TIED)
    verdict = Verdict.NOT_CHECKED if differs.any() else Verdict.PASSED
    detail = "rows whose label is not the class of the highest probability; the attacks go by probabilities"
    return Check(f"{name}: labels follow probabilities", verdict, detail, float(differs.sum()), 0.0)
