"""A finished model with a backdoor fails by name; what cannot be searched, or be believed, is not checked."""

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from assay.records import Check, Verdict
from assay.sdk import Rows
from assay.spec import BackdoorSpec
from assay.store import FileStore
from tasks.backdoors.canaries import PLANTED, known_models
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.examination.backdoors import examine_backdoors, judge
from tasks.examination.case import Examined
from tests.tasks.examination.test_evasion import Linear


class Pictures(Linear):
    """Raw pixels are 0 to 255."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return cast("np.ndarray", (inputs / 255).astype(np.float32))


def examined(store: FileStore, model: Any, spec: BackdoorSpec | None = None) -> Examined:
    _, _, inputs, labels = known_models(seed=3)
    rows = Rows((255 * inputs).astype(np.float32), labels, tuple(map(str, range(len(labels)))))
    case: Any = SimpleNamespace(
        spec=SimpleNamespace(
            assay=SimpleNamespace(backdoors=spec or BackdoorSpec()), train=SimpleNamespace(model="my.model:Mine")
        ),
        candidate=lambda: model,
        rows={"holdout": rows},
        store=store,
        seed=0,
        say=lambda _: None,
    )
    return examine_backdoors(case)


def only_check(found: Examined) -> Check:
    (check,) = found.checks
    return check


def test_planted_class_fails_by_name_with_a_picture_of_its_trigger(store: FileStore) -> None:
    _, planted, _, _ = known_models(seed=3)
    found = examined(store, Pictures(planted))
    check = only_check(found)
    assert check.verdict is Verdict.FAILED
    assert f"class {PLANTED} from any row by patch" in check.detail
    assert check.measured is not None
    assert check.threshold is not None
    assert check.measured <= check.threshold
    facts = cast("dict[str, Any]", found.facts)
    assert [one["class"] for one in facts["classes"]] == list(range(6))
    (told,) = facts["planted"]
    assert told["patch"]["size"] < told["patch"]["natural"]
    with np.load(io.BytesIO(store.read(told["pictures"]))) as pictures:
        assert pictures["patch_mask"].shape == (1, 14, 14)
        assert np.abs(pictures["overlay_added"][0, :2, :2]).mean() > 5 * np.abs(pictures["overlay_added"]).mean()


def test_sound_model_passes_and_its_nearest_class_is_told(store: FileStore) -> None:
    sound, _, _, _ = known_models(seed=3)
    found = examined(store, Pictures(sound))
    assert only_check(found).verdict is Verdict.PASSED
    assert "nearest is class" in only_check(found).detail
    assert "from one class to another the nearest is class" in only_check(found).detail
    assert cast("dict[str, Any]", found.facts)["planted"] == []


def test_search_that_is_blind_is_not_believed(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, _, _, _ = known_models(seed=3)
    monkeypatch.setattr("tasks.backdoors.find_backdoor.CLASS_BOUND", 0.0)
    monkeypatch.setattr("tasks.backdoors.pairs.PAIR_BOUND", 0.0)
    check = only_check(examined(store, Pictures(sound)))
    assert check.verdict is Verdict.NOT_CHECKED
    assert "cannot be believed" in check.detail


def test_model_without_gradients_is_not_checked(store: FileStore) -> None:
    check = only_check(examined(store, object()))
    assert check.verdict is Verdict.NOT_CHECKED
    assert "my.model:Mine is no GradientModel" in check.detail


def test_table_is_not_checked(store: FileStore) -> None:
    class Table(Pictures):
        def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
            return super().to_model_space(inputs).reshape(len(inputs), -1)

    sound, _, _, _ = known_models(seed=3)
    check = only_check(examined(store, Table(sound)))
    assert check.verdict is Verdict.NOT_CHECKED
    assert "triggers are sought in images" in check.detail


def test_ways_that_were_not_sought_are_told() -> None:
    sound, _, inputs, labels = known_models(seed=3)
    finding = find_backdoor(sound, inputs, labels, 0, samples=len(labels))
    assert "more than 20 classes" in judge(replace(finding, pairs=())).detail
    assert "more than 20 classes" not in judge(finding).detail


def test_search_that_ran_out_of_time_is_not_checked(store: FileStore) -> None:
    _, planted, inputs, labels = known_models(seed=3)
    check = judge(find_backdoor(planted, inputs, labels, 0, budget=0.0))
    assert check.verdict is Verdict.NOT_CHECKED
    assert "raise `assay.backdoors.seconds`" in check.detail
