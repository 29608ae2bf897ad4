"""How the served file bears odd, extreme and broken inputs, how fast it answers, and what memory it takes.

Asked in a process of its own. Each probe first has to see the fault of a model broken on purpose; a blind one makes its
part not checked.
"""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.json_types import Json, JsonObject
from assay.records import Check, Verdict
from tasks.examination.case import Examined, ModelCase
from tasks.stress.apart import Answers, Limits, ask_apart
from tasks.stress.broken import FAULTS, WASTED_MB, write_broken
from tasks.stress.judge import MOST_APART, Judged, judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MODEL = "model"
_LIMITS = Limits()
_ROWS, _FEWEST_ROWS = 256, 2
_WASTE_SEEN = 0.75
_STAGES = {  # stage -> what a check says of it when all is well
    "speed": "each batch size answered",
    "values": "answered soundly or refused",
    "shapes": "whole batches answered, broken ones refused or answered in shape",
    "alike": "a row's answer rests on the row alone",
}


def examine_stress(case: ModelCase, limits: Limits = _LIMITS) -> Examined:
    """facts: speed by batch size, what odd values and broken shapes came to, differences, canaries.

    metrics: nan_answer_rate, the share of rows with NaN or infinity that are answered by NaN; in [0, 1].
    """
    started = time.perf_counter()
    rows = _ordinary(case)
    if len(rows) < _FEWEST_ROWS:
        words = f"expected {_FEWEST_ROWS} holdout rows to ask with, found {len(rows)}"
        return Examined({"problem": words}, (Check("stress", Verdict.NOT_CHECKED, words),))
    folder = Path(tempfile.mkdtemp(prefix="broken-", dir=case.workdir))
    broken = write_broken(case.served.signature.input, folder)
    stages = {_MODEL: tuple(_STAGES), **{fault: (stage,) for fault, stage in FAULTS.items()}}
    answers = ask_apart({_MODEL: case.file, **broken}, stages, rows, folder, limits)
    blind = {fault: stage for fault, stage in FAULTS.items() if not _sees(answers, fault, stage)}
    checks = tuple(_check(stage, answers, case.classes, blind) for stage in _STAGES)
    facts: dict[str, Json] = {
        **_facts(answers),
        "canaries": {fault: "missed" if fault in blind else "seen" for fault in FAULTS},
        "rows": len(rows),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if answers.problem:
        facts["problem"] = answers.problem
    case.say(f"stress: {'; '.join(f'{check.name} {check.verdict.value}' for check in checks)}")
    nan = _nan_answers(answers)
    return Examined(facts, checks, {} if nan is None else {"nan_answer_rate": nan})


def _ordinary(case: ModelCase) -> "NDArray[Any]":
    """The first holdout rows, as the model's input tensor."""
    return case.served.prepared(case.rows["holdout"].inputs[:_ROWS])


def _sees(answers: Answers, fault: str, stage: str) -> bool:
    """Whether the probe finds the fault it must."""
    outcomes = answers.of(fault, stage)
    if stage == "speed":
        grown = [float(str(told["memory_mb"])) for told in outcomes.values() if "memory_mb" in told]
        return max(grown, default=0.0) >= _WASTE_SEEN * WASTED_MB
    return bool(judge(stage, outcomes, classes=2).faults)


def _check(stage: str, answers: Answers, classes: int, blind: Mapping[str, str]) -> Check:
    name, outcomes = f"stress: {stage}", answers.of(_MODEL, stage)
    slow = "batch" not in answers.of(_MODEL, "speed").get("8 rows", {})
    found = judge(stage, outcomes, classes, slow)
    unasked = [question for model, part, question in answers.missing if (model, part) == (_MODEL, stage)]
    missed = [fault for fault, part in blind.items() if part == stage]
    verdict, detail = _verdict(found, bool(outcomes), unasked, missed, answers)
    measured = None
    if stage == "alike" and outcomes:
        measured = max(float(str(told.get("difference", 2.0))) for told in outcomes.values())
    return Check(name, verdict, detail or _well(stage, outcomes), measured, MOST_APART if stage == "alike" else None)


def _verdict(found: Judged, asked: bool, unasked: list[str], blind: list[str], answers: Answers) -> tuple[Verdict, str]:
    """What is known to be wrong counts before what is not known."""
    if found.faults:
        return Verdict.FAILED, "; ".join(found.faults[:5]) + _more(len(found.faults) - 5)
    if blind:
        return Verdict.NOT_CHECKED, f"the probe does not see a model that {', nor one that '.join(blind)}"
    if found.unknown or unasked:
        words = [*found.unknown, *(f"{question}: not asked, {answers.problem}" for question in unasked)]
        return Verdict.NOT_CHECKED, "; ".join(words[:5]) + _more(len(words) - 5)
    return (Verdict.PASSED, "") if asked else (Verdict.NOT_CHECKED, answers.problem)


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def _well(stage: str, outcomes: Mapping[str, JsonObject]) -> str:
    words = f"{len(outcomes)} questions: {_STAGES[stage]}"
    if stage == "speed":
        one = next(iter(outcomes.values()))
        most = max(float(str(told["memory_mb"])) for told in outcomes.values())
        return f"{words}; one row in {one['p99_ms']} ms of 99 %, {most:g} MB at most"
    nan = [name for name, told in outcomes.items() if told.get("finite_input") is False and told.get("finite") is False]
    if stage == "values" and nan:
        words += f"; NaN probabilities and a label nevertheless for {', '.join(nan)}: refuse such rows before the model"
    return words


def _facts(answers: Answers) -> JsonObject:
    """Of the model: one short word an odd value or shape, numbers elsewhere."""
    speed: list[Json] = [dict(told) for told in answers.of(_MODEL, "speed").values()]
    alike: Json = {name: told.get("difference", _word(told)) for name, told in answers.of(_MODEL, "alike").items()}
    words: dict[str, Json] = {
        stage: {name: _word(told) for name, told in answers.of(_MODEL, stage).items()} for stage in ("values", "shapes")
    }
    return {"speed": speed, "peak_memory_mb": _peak(answers), **words, "alike": alike}


def _peak(answers: Answers) -> float:
    """MB at most, over ordinary rows, odd values and broken shapes."""
    told = [one for stage in ("speed", "values", "shapes") for one in answers.of(_MODEL, stage).values()]
    return max((float(str(one["memory_mb"])) for one in told if "memory_mb" in one), default=0.0)


def _nan_answers(answers: Answers) -> float | None:
    """Of the batches with values that are no numbers, the share answered by NaN; None where there is no such batch."""
    told = [one for one in answers.of(_MODEL, "values").values() if one.get("finite_input") is False]
    return sum(one.get("finite") is False for one in told) / len(told) if told else None


def _word(told: JsonObject) -> str:
    for kind in ("died", "exhausted", "refused"):
        if kind in told:
            return f"{kind}: {str(told[kind])[:120]}"
    if "hides" in told:
        return "hides text" if told["hides"] else "hides nothing"
    if told.get("finite") is False:
        return "answers NaN"
    return "answers" if told.get("sound", True) else "answers no distribution"
