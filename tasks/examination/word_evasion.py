"""How many texts a served model still gets right when an attacker rewords them, as far as a threat model allows."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.json_types import JsonObject
from assay.records import Check
from assay.spec import WordThreat
from tasks.attacks.asking import UnusableAnswer
from tasks.attacks.words.suite import attack_words
from tasks.examination.asked_evasion import Attacked, evasion_result, not_examined, served_answers, unusable
from tasks.examination.case import ModelCase
from tasks.examination.evasion import EvasionResult, attacked_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN, _LEAD = 200, 80


def examine_words(threat: WordThreat, case: ModelCase) -> EvasionResult | Check:
    """Attack at most `threat.samples` holdout texts, chosen by their ids alone; good words come from all of them.

    facts.learning_queries: questions asked to learn good words, once for all texts. A Check instead when the model
    takes no texts (not checked), or answers with what is no probability (failed).
    """
    started, kind = time.perf_counter(), case.served.signature.input.type
    if kind != "tensor(string)":
        return not_examined(threat, f"the model takes {kind}, no texts; choose linf, l2 or features for it")
    holdout = case.rows["holdout"]
    rows = attacked_rows(holdout, threat.samples)
    texts, corpus = rows.inputs.reshape(-1), (holdout.inputs.reshape(-1), holdout.labels)
    try:
        made = attack_words(served_answers(case), texts, rows.labels, threat, case.seed, case.say, corpus)
    except UnusableAnswer as error:
        return unusable(threat, error)
    further = {"learning_queries": made.learning_queries}
    attacked = Attacked(rows, made.found, made.checks, _show(texts, made.found.adversarial), started, further)
    return evasion_result(threat, attacked, case)


def _show(before: "NDArray[Any]", after: "NDArray[Any]") -> "Callable[[int], JsonObject]":
    return lambda place: shortened(str(before[place]), str(after[place]))


def shortened(before: str, after: str) -> JsonObject:
    """Both texts around the first edit, at most 200 characters each; `…` where something is left out."""
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), None)
    start = max((min(len(before), len(after)) if same is None else same) - _LEAD, 0)
    return {"before": _cut(before, start), "after": _cut(after, start)}


def _cut(text: str, start: int) -> str:
    end = start + _SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
