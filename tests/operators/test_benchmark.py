"""The benchmark's DAG as Airflow runs it: real files, a real ledger, the real measuring process."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from assay.records import Step, Verdict
from assay.workbench import Workbench
from tests.tasks.foreign.graphs import model_of
from tests.tasks.screen_story import npz

DAG_FILE = Path(__file__).parents[2] / "dags" / "benchmark.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model of the digits, and the digits."""
    folder = tmp_path_factory.mktemp("foreign")
    data = load_digits()
    rows = (data.images / 16).astype(np.float32)
    linear = LogisticRegression(max_iter=300).fit(rows.reshape(-1, 64), data.target)
    weights = {"w": linear.coef_.T.astype(np.float32), "b": linear.intercept_.astype(np.float32)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["y"]),
    ]
    (folder / "model.onnx").write_bytes(model_of(nodes, shape=("n", 8, 8), weights=weights).SerializeToString())
    (folder / "evil.onnx").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    npz(folder / "rows.npz", images=rows, label=data.target)
    return folder


@pytest.fixture
def run(draw: Any, files: Path) -> Any:
    """Runs the DAG; returns the run's state and {task: (state, tries, return value)}."""
    dag = draw(DAG_FILE.read_text())

    def run_dag(model: str, **asked: Any) -> tuple[str, dict[str, tuple[str, int, Any]]]:
        conf = {"model": model, "dataset": str(files / "rows.npz"), "corruptions": False}
        conf |= {"suite": "quick", "samples": 25, "epsilon": 0.05}
        ended = dag.test(run_conf={**conf, **asked})
        tasks = {ti.task_id: (str(ti.state), ti.try_number, _returned(ti)) for ti in ended.get_task_instances()}
        return str(ended.state), tasks

    return run_dag


def _returned(ti: Any) -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(run_id=ti.run_id, task_ids=ti.task_id, dag_ids=ti.dag_id, key="return_value")
        found = session.scalars(query).first()
        return XComModel.deserialize_value(found) if found else None


def test_a_strangers_model_is_measured_and_signed(run: Any, files: Path, bench: Workbench) -> None:
    state, tasks = run(str(files / "model.onnx"), least=0.01)
    assert state == "success"
    told = tasks["bench"][2]
    assert told["verdict"] == "passed"
    assert 0 < told["robust_accuracy"] < told["clean_accuracy"]
    assert told["samples"] == 25
    assert len(json.dumps(tasks["scan"][2])) + len(json.dumps(told)) < 4000
    (entry,) = bench.ledger.find()
    assert (entry.report.step, entry.report.verdict, entry.seq) == (
        Step.BENCH,
        Verdict.PASSED,
        told["statement"]["entry"],
    )
    assert entry.sha256 == told["statement"]["sha256"]
    assert entry.report.inputs["model"].sha256 == tasks["scan"][2]["files"]["model"]["model.onnx"]
    assert (entry.context.dag_id, entry.context.task_id) == ("assay.benchmark", "bench")
    document = json.loads(bench.store.read(told["document"]))
    assert document["robust_accuracy"] == told["robust_accuracy"]
    assert document["confined"]["network"]


def test_a_hostile_file_ends_the_run_early_and_well(run: Any, files: Path, bench: Workbench) -> None:
    state, tasks = run(str(files / "evil.onnx"))
    assert (state, tasks["scan"][0], tasks["bench"][0]) == ("success", "success", "skipped")
    told = tasks["scan"][2]
    assert (told["verdict"], "os.system" in told["findings"]) == ("failed", True)
    (entry,) = bench.ledger.find(step=Step.BENCH)
    assert (entry.report.verdict, entry.sha256) == (Verdict.FAILED, told["statement"]["sha256"])
    assert not bench.store.exists(entry.report.inputs["model"].sha256)


@pytest.mark.parametrize("place", ["gone.onnx", "http://elsewhere/model.onnx", "model.onnx"])
def test_bad_input_fails_at_once(run: Any, files: Path, bench: Workbench, place: str) -> None:
    model = str(files / place) if place == "gone.onnx" else place
    state, tasks = run(model)
    assert (state, tasks["scan"][0], tasks["scan"][1]) == ("failed", "failed", 1)
    assert not bench.ledger.find()


def test_keys_are_not_copied_into_the_store(run: Any, files: Path, bench: Workbench) -> None:
    key = bench.settings.keys / "producer.key"
    state, tasks = run(str(files / "model.onnx"), dataset=str(key))
    assert (state, tasks["scan"][0]) == ("failed", "failed")
    assert not any(path.is_file() for path in (bench.settings.home.parent / "store").rglob("*"))
