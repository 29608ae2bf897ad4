"""A hostile file is a verdict and is never opened; a result that is not the scanned file's is no result."""

import json
import os
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
from onnx import helper

from assay.cli import cli
from assay.errors import AssayError, IntegrityError, SpecError
from tasks.attacks.ball import Ball
from tasks.benchmarking import benchmark_files as module
from tasks.benchmarking.benchmark_files import benchmark_files
from tasks.benchmarking.confined_run import GIB, Job, Limits, run_confined
from tasks.robustness.bench_model import BenchRequest
from tests.tasks.foreign.graphs import model_of
from tests.tasks.screen_story import digits, idx, npz

HERE = Path(__file__).parent
EVIL = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."


def graph(path: Path, *more: Any, **weights: Any) -> Path:
    """Logits of 10 classes for 8×8 images; `more` nodes make `y` of the logits `s`."""
    matrix = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    end = "s" if more else "y"
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], [end]), *more]
    path.write_bytes(model_of(nodes, shape=("n", 8, 8), weights={"w": matrix, **weights}).SerializeToString())
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return graph(tmp_path / "model.onnx")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    images, labels = digits(100)
    return npz(tmp_path / "rows.npz", images=images, label=labels)


def asked(model: Path, rows: Path) -> BenchRequest:
    return BenchRequest(model, rows, Ball("linf", 0.1), samples=20)


def bench(model: Path, rows: Path, *words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["bench", str(model), str(rows), "--epsilon", "0.1", *words])


@pytest.fixture
def never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the files were opened")

    monkeypatch.setattr(module, "run_confined", refuse)


def test_a_hostile_model_is_a_verdict_and_never_opened(rows: Path, tmp_path: Path, never_opened: None) -> None:
    evil = tmp_path / "model.pkl"
    evil.write_bytes(EVIL)
    result = bench(evil, rows, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (found["verdict"], found["scan"]["verdict"], found["robust_accuracy"]) == ("failed", "failed", None)
    assert {one["rule"] for one in found["scan"]["findings"]} >= {"pickle-import"}
    assert (found["samples"], found["attacks"], len(found["model"]["sha256"])) == (0, [], 64)
    words = bench(evil, rows)
    assert words.exit_code == 3
    assert "os.system" in words.stdout


@pytest.mark.usefixtures("never_opened")
def test_objects_among_the_rows_are_a_verdict_too(model: Path, tmp_path: Path) -> None:
    images, labels = digits(60)
    objects = npz(tmp_path / "objects.npz", images=images, label=np.array([{"a": 1}] * len(labels), dtype=object))
    found = benchmark_files(asked(model, objects), Limits(GIB, 60), lambda _: None)
    assert found["verdict"] == "failed"
    assert "npy-object" in json.dumps(found["scan"])


@pytest.mark.usefixtures("never_opened")
def test_a_graph_of_unknown_operators_is_a_verdict(rows: Path, tmp_path: Path) -> None:
    strange = model_of([helper.make_node("Run", ["x"], ["y"], domain="elsewhere")], shape=("n", 8, 8))
    (tmp_path / "strange.onnx").write_bytes(strange.SerializeToString())
    found = benchmark_files(asked(tmp_path / "strange.onnx", rows), Limits(GIB, 60), lambda _: None)
    assert found["verdict"] == "failed"
    assert "elsewhere:Run" in json.dumps(found["checks"])


def lying(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The measuring process does another job."""

    def run(_: Job, limits: Limits, say: Any) -> Any:
        return run_confined(Job(f"tests.tasks.benchmarking.confined_jobs:{name}", {}, (HERE,)), limits, say)

    monkeypatch.setattr(module, "run_confined", run)


def test_a_result_of_another_file_is_dropped(model: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lying(monkeypatch, "lie")
    with pytest.raises(IntegrityError, match="the number was dropped"):
        benchmark_files(asked(model, rows), Limits(GIB, 60), lambda _: None)


def test_rows_that_change_while_they_are_measured_give_no_number(
    model: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, limits = asked(model, rows), Limits(GIB, 60)
    found = module.inspect_files(request, limits)
    module._require_unchanged(found, {"model": {"sha256": found.model.sha256}})
    os.utime(rows, ns=(1, 1))
    with pytest.raises(IntegrityError, match="who writes there"):
        module._require_unchanged(found, {"model": {"sha256": found.model.sha256}})


def test_no_verdict_is_no_result(model: Path, rows: Path) -> None:
    found = module.inspect_files(asked(model, rows), Limits(GIB, 60))
    for document in ({}, {"verdict": "fine", "checks": [], "model": {}}, {"verdict": "passed", "model": {}}):
        with pytest.raises(AssayError, match="told no verdict"):
            module._with_facts(document, found)


def test_a_graph_that_blows_up_is_too_large(rows: Path, tmp_path: Path) -> None:
    """Small as a file; it spreads one number over 16 GiB."""
    nodes = (
        helper.make_node("ReduceMin", ["f"], ["least"], keepdims=0),
        helper.make_node("Expand", ["least", "shape"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["most"], keepdims=0),
        helper.make_node("Add", ["s", "most"], ["y"]),
    )
    bomb = graph(tmp_path / "bomb.onnx", *nodes, shape=np.array([2**32], dtype=np.int64))
    with pytest.raises(SpecError, match=r"too large: with these rows it needs more than 1 GiB; raise --memory"):
        benchmark_files(asked(bomb, rows), Limits(GIB, 120), lambda _: None)


def test_links_are_followed_before_the_scan_and_files_named_as_asked(model: Path, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    blob = model.rename(tmp_path / "blobs" / "0123.onnx")
    model.symlink_to(blob)
    found = module.inspect_files(asked(model, rows), Limits(GIB, 60))
    assert found.report.verdict.value == "passed"
    assert found.names == ("model.onnx", "rows.npz")
    assert found.asked.model == blob.resolve()


def test_a_dataset_of_two_files_is_named_by_both(model: Path, tmp_path: Path) -> None:
    images, labels = digits(100)
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(idx(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    request = asked(model, folder / "train-images-idx3-ubyte")
    before = module.inspect_files(request, Limits(GIB, 60))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels[::-1]))
    after = module.inspect_files(request, Limits(GIB, 60))
    assert len(before.data.files) == 2
    assert before.dataset_sha256 != after.dataset_sha256
