"""No examination takes the others down, and no number that is none reaches a statement."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from assay.digests import canonical_json
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.records import Check, Verdict
from tasks.examination.case import Examined
from tasks.examination.contained import examine_contained

CASE: Any = SimpleNamespace(say=lambda _: None)


def raising(error: Exception) -> Any:
    def examine(_: Any) -> Examined:
        raise error

    return examine


@pytest.mark.parametrize("error", [ValueError("user bug"), KeyError("x"), SpecError("no such column"), MemoryError()])
def test_what_a_class_raises_is_told_with_its_place_and_never_passes(error: Exception) -> None:
    found = examine_contained("privacy", raising(error), CASE)
    (check,) = found.checks
    assert check.verdict is Verdict.NOT_CHECKED and not found.metrics
    assert check.detail.startswith(f"{type(error).__name__} in test_contained.py, line ")
    assert found.facts == {"problem": check.detail}


@pytest.mark.parametrize("error", [IntegrityError("digest"), EngineUnavailable("store"), OSError("disk is full")])
def test_tampering_and_missing_engines_stop_the_step(error: Exception) -> None:
    with pytest.raises(type(error)):
        examine_contained("privacy", raising(error), CASE)


def test_numbers_that_are_none_bound_nothing_and_can_be_signed() -> None:
    made = Examined(
        {"auc": {"value": math.nan, "curve": [[0.0, math.inf]]}, "rows": 3},
        (Check("seen", Verdict.PASSED, "", measured=math.nan), Check("other", Verdict.PASSED, "", measured=0.5)),
        {"leak": math.nan, "fidelity": 0.5, "advantage": 0.1},
        {"leak": (0.0, 1.0), "fidelity": (0.4, 0.6), "advantage": (math.nan, 0.2)},
    )
    found = examine_contained("privacy", lambda _: made, CASE)
    assert found.facts == {"auc": {"value": None, "curve": [[0.0, None]]}, "rows": 3}
    assert found.metrics == {"fidelity": 0.5, "advantage": 0.1} and set(found.ci95) == {"leak", "fidelity"}
    assert [check.measured for check in found.checks] == [None, 0.5, None]
    assert found.checks[-1].verdict is Verdict.NOT_CHECKED
    assert "/auc/value, /auc/curve/0/1, seen, leak, interval of advantage" in found.checks[-1].detail
    assert canonical_json([check.to_json() for check in found.checks])


def test_sound_numbers_are_left_as_they_are() -> None:
    made = Examined({"rows": 3}, (Check("seen", Verdict.PASSED, ""),), {"fidelity": 0.5})
    assert examine_contained("privacy", lambda _: made, CASE) is made
