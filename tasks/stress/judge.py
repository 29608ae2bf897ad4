"""What is a fault among a model's answers to stress, and what is merely told.

Rows of finite values must be answered with a distribution or refused. A row that holds NaN or infinity may be answered
with NaN, which a caller can see: that is told, not judged. No row may end the process, take its memory, or change what
other rows are answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.json_types import JsonObject

MOST_APART = 1e-4
_NOT_FINITE = "probabilities are not finite"

Outcomes = Mapping[str, JsonObject]


@dataclass(frozen=True)
class Judged:
    """faults: in words, one a question. unknown: questions that ordinary size or slowness left without an answer."""

    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def judge(stage: str, outcomes: Outcomes, classes: int, slow: bool = False) -> Judged:
    """slow: ordinary rows gave no answer in time, so that no odd row is to blame for time."""
    faults, unknown = list[str](), list[str]()
    for name, told in outcomes.items():
        lost = str(told.get("died") or told.get("exhausted") or "")
        if lost:
            patient = slow or stage == "speed" or name.endswith(" rows")
            is_time_or_size = "exhausted" in told or "in the time allowed" in lost
            (unknown if patient and is_time_or_size else faults).append(f"{name}: {lost}")
            continue
        fault = _FAULTS[stage](told, classes)
        if fault:
            faults.append(f"{name}: {fault}")
    return Judged(tuple(faults), tuple(unknown))


def _value_fault(told: JsonObject, classes: int) -> str:
    if told.get("hides"):
        return "the model sees nothing behind a NUL character"
    if "refused" in told or "hides" in told:
        return ""
    fault = _shape_fault(told, classes)
    return "" if fault == _NOT_FINITE and not told["finite_input"] else fault


def _shape_fault(told: JsonObject, classes: int) -> str:
    """An answer must have a label and a distribution a row; only broken batches may be refused."""
    if "refused" in told:
        return f"refused: {told['refused']}" if told.get("must_answer") else ""
    rows = told["rows"]
    if told["label_shape"] != [rows] or told["shape"] != [rows, classes]:
        return f"{rows} rows answered by labels {told['label_shape']}, probabilities {told['shape']}"
    if not told["finite"]:
        return _NOT_FINITE
    if not told["sound"]:
        return "probabilities are none: below 0, or a sum that is not 1"
    return "" if told["labels_in_range"] else f"a label outside 0 to {classes - 1}"


def _alike_fault(told: JsonObject, classes: int) -> str:
    if "refused" in told:
        return f"refused: {told['refused']}"
    apart = float(str(told["difference"]))
    return "" if apart <= MOST_APART else f"probabilities {apart:.2g} apart, {told['labels']} labels differ"


def _speed_fault(told: JsonObject, classes: int) -> str:
    return f"refused: {told['refused']}" if "refused" in told else ""


_FAULTS = {"values": _value_fault, "shapes": _shape_fault, "alike": _alike_fault, "speed": _speed_fault}
