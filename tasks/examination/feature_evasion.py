"""How many rows of a table a served model still gets right when an attacker changes a few columns of each."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import Check
from assay.spec import FeatureThreat
from tasks.attacks.asking import UnusableAnswer
from tasks.attacks.features.constraints import Constraints, learn_constraints
from tasks.attacks.features.positions import column_of, positions_of
from tasks.attacks.features.suite import attack_features
from tasks.examination.asked_evasion import Attacked, evasion_result, not_examined, served_answers, unusable
from tasks.examination.case import ModelCase
from tasks.examination.evasion import EvasionResult, attacked_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.sdk import Rows

_MOST_TOLD = 10


def examine_features(threat: FeatureThreat, case: ModelCase) -> EvasionResult | Check:
    """Attack at most `threat.samples` holdout rows, chosen by their ids alone; ranges are those of all rows known.

    facts.attributes: columns and groups of flags in reach. facts.fixed_inputs: positions that hold fixed columns. A
    Check instead when there are no columns of numbers or a fixed one cannot be found (not checked), or when answers are
    no probabilities (failed).
    """
    started, signature = time.perf_counter(), case.served.signature.input
    if signature.type == "tensor(string)" or len(signature.dims) != 2:
        found = f"{signature.type} of {len(signature.dims) - 1} dimensions a row"
        return not_examined(threat, f"the model takes {found}, no table; choose words, linf or l2 for it")
    holdout = case.rows["holdout"]
    try:
        constraints = _constraints(threat, case)
    except SpecError as error:
        return not_examined(threat, str(error))
    if not constraints.attributes:
        return not_examined(threat, "no column is in the attacker's reach: all are fixed, or have one value")
    rows = attacked_rows(holdout, threat.samples)
    corpus = holdout.inputs, holdout.labels
    try:
        made = attack_features(
            served_answers(case), rows.inputs, rows.labels, constraints, threat, case.seed, case.say, corpus
        )
    except UnusableAnswer as error:
        return unusable(threat, error)
    further: JsonObject = {"attributes": len(constraints.attributes), "fixed_inputs": sorted(constraints.fixed)}
    show = _show(case, rows, made.found.adversarial)
    return evasion_result(threat, Attacked(rows, made.found, made.checks, show, started, further), case)


def _constraints(threat: FeatureThreat, case: ModelCase) -> Constraints:
    """Raises SpecError for fixed columns that are not found, and for inputs that are no finite numbers."""
    import numpy as np

    holdout = case.rows["holdout"].inputs
    fixed = positions_of(threat.fixed, case.columns, holdout) if threat.fixed else frozenset[int]()
    known = np.concatenate([case.training().inputs, holdout]).astype(np.float32)
    return learn_constraints(known, fixed)


def _show(case: ModelCase, rows: "Rows", after: "NDArray[Any]") -> Callable[[int], JsonObject]:
    """The changed inputs of a row, by column where one holds the same values, before and after; and their positions."""
    import numpy as np

    inputs = case.rows["holdout"].inputs

    def show(place: int) -> JsonObject:
        before, moved = rows.inputs[place].astype(np.float32), after[place]
        changed = {int(at): _name(int(at), case, inputs) for at in np.flatnonzero(before != moved)}
        return {"before": _told(before, changed), "after": _told(moved, changed), "inputs": list(changed)}

    return show


def _name(position: int, case: ModelCase, inputs: "NDArray[Any]") -> str:
    return column_of(position, case.columns, inputs) or f"input {position}"


def _told(row: "NDArray[Any]", named: Mapping[int, str]) -> str:
    """`hours 40, gain 0`: of at most ten changed inputs."""
    return ", ".join(f"{name} {float(row[at]):g}" for at, name in list(named.items())[:_MOST_TOLD])
