"""What a stranger names by path goes into the store only where it is what shall be measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from assay.errors import SpecError
from assay.records import RunContext, Verdict
from assay.workbench import Workbench
from tasks.benchmarking.benchmark_station import scan_foreign
from tests.tasks.foreign.graphs import model_of

KEY = b"a private key"


def scan(bench: Workbench, folder: Path, dataset: Path) -> Any:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    model = model_of(nodes, shape=("n", 2), weights={"w": np.eye(2, dtype=np.float32)})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    asked = {
        "model": str(folder / "model.onnx"), "dataset": str(dataset), "norm": "linf", "epsilon": 0.1, "suite": "quick",
        "samples": 5, "labels": None, "least": None, "corruptions": False, "memory_gib": 4, "timeout_seconds": 60,
        "seed": 0,
    }  # fmt: skip
    return scan_foreign(asked, RunContext(run_id="scan"), bench)


def rows_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text("a,b,label\n1,0,0\n0,1,1\n")
    return folder


@pytest.fixture
def key(bench: Workbench) -> Path:
    bench.settings.keys.mkdir(parents=True, exist_ok=True)
    path = bench.settings.keys / "producer.key"
    path.write_bytes(KEY)
    return path


def is_stored(bench: Workbench, content: bytes) -> bool:
    folder = bench.settings.keys.parent / "store"
    return any(path.read_bytes() == content for path in folder.rglob("*") if path.is_file())


def test_folder_above_the_keys_is_no_dataset(bench: Workbench, tmp_path: Path, key: Path) -> None:
    with pytest.raises(SpecError, match="keys and state"):
        scan(bench, tmp_path, rows_in(key.parent.parent))
    assert not is_stored(bench, KEY)


def test_link_to_a_key_beside_the_rows_is_refused(bench: Workbench, tmp_path: Path, key: Path) -> None:
    dataset = rows_in(tmp_path / "linked")
    (dataset / "notes.txt").symlink_to(key)
    with pytest.raises(SpecError, match="keys and state"):
        scan(bench, tmp_path, dataset)
    assert not is_stored(bench, KEY)


def test_what_lies_beside_the_rows_is_not_stored(bench: Workbench, tmp_path: Path) -> None:
    dataset = rows_in(tmp_path / "rows")
    (dataset / "secret.txt").write_text("a password")
    told = scan(bench, tmp_path, dataset)
    assert told["verdict"] == Verdict.PASSED.value and list(told["files"]["dataset"]) == ["rows.csv"]
    assert not is_stored(bench, b"a password") and is_stored(bench, (dataset / "rows.csv").read_bytes())
