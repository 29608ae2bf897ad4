"""Who was blind, who was not tried: read from facts as the steps write them."""

import pytest

from assay.json_types import JsonObject
from assay.questions.blindness import blind_spots, is_blind
from assay.questions.threats import threats_not_tried
from assay.records import Check, Verdict

IMAGES: JsonObject = {"input": {"name": "input", "dtype": "FP32", "shape": [-1, 28, 28]}}
TEXTS: JsonObject = {"input": {"name": "input", "dtype": "BYTES", "shape": [-1, 1]}}
TABLE: JsonObject = {"input": {"name": "input", "dtype": "FP32", "shape": [-1, 11]}}


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("outliers", "blind: it found 10% of 40 planted rows; 0 suspects"),
        ("linf 0.3: apgd-ce sees", "it left a model standing that is known to be weak"),
        ("explanations: sees a known model", "found 0.2"),
    ],
)
def test_who_missed_the_canaries_is_blind(name: str, detail: str) -> None:
    assert is_blind(Check(name, Verdict.NOT_CHECKED, detail))
    assert not is_blind(Check(name, Verdict.PASSED, detail))


def test_too_little_time_is_no_blindness() -> None:
    assert not is_blind(Check("membership by reference models", Verdict.NOT_CHECKED, "4 of 16 models in 300 s"))


def test_canaries_that_were_missed_are_found_wherever_they_stand() -> None:
    facts: JsonObject = {
        "privacy": {
            "extraction": {"canary": {"sees": False, "needed": 0.75}},
            "membership": {"canary": {"sees": True}},
        },
        "stress": {"canaries": {"throws dice": "missed", "overflows": "seen"}},
        "by_detector": {"outliers": {"canaries": 40}},
    }
    assert list(blind_spots(facts)) == ["privacy: extraction", "stress: throws dice"]


@pytest.mark.parametrize(
    ("export", "asked", "expected"),
    [
        (IMAGES, ["linf"], ["l2"]),
        (IMAGES, ["linf", "l2"], []),
        (IMAGES, [], ["linf", "l2"]),
        (TEXTS, [], ["words"]),
        (TABLE, [], ["features"]),
        ({}, [], []),
    ],
)
def test_attackers_of_such_inputs_that_nobody_asked_for_are_named(
    export: JsonObject, asked: list[str], expected: list[str]
) -> None:
    told: JsonObject = {
        "asked": {"threat_models": [{"norm": norm, "epsilon": 0.1} for norm in asked]},
        "evasion": [{"norm": norm, "epsilon": 0.1} for norm in asked],
    }
    assert [what for what, _ in threats_not_tried(told, export)] == expected


def test_threat_that_was_asked_for_in_vain_is_named_with_its_size() -> None:
    told: JsonObject = {"asked": {"threat_models": [{"norm": "l2", "epsilon": 0.5}, {"norm": "linf", "epsilon": 0.3}]},
                        "evasion": [{"norm": "linf", "epsilon": 0.3}]}  # fmt: skip
    assert list(threats_not_tried(told, IMAGES)) == [("l2 0.5", "asked for; the statement holds no result")]
