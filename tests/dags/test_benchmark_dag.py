"""The benchmark's DAG as Airflow draws it: a form that says what it wants, and no way to a registry."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("dags")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "ASSAY_HOME": str(home),
        "ASSAY_PIPELINES": str(home),
    }
    command = [sys.executable, str(Path(__file__).with_name("parse_dags.py"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert document["errors"] == {}
    assert document["heavy"] == []
    return document["dags"]["assay.benchmark"]  # type: ignore[no-any-return]


def test_scan_comes_before_bench_and_nothing_after(drawn: dict[str, Any]) -> None:
    assert drawn["edges"] == {"scan": ["bench"], "bench": []}
    assert set(drawn["retries"].values()) == {3}
    assert all(drawn["timeouts"].values())
    assert not any(drawn["outlets"].values())
    assert drawn["timetable"] == "NullTimetable"


def test_every_field_of_the_form_is_typed_and_explained(drawn: dict[str, Any]) -> None:
    form = drawn["params"]
    assert set(form) == {
        *("model", "dataset", "norm", "epsilon", "suite", "samples", "labels", "least"),
        *("corruptions", "memory_gib", "timeout_seconds", "seed"),
    }
    assert all(field["schema"]["type"] and field["schema"]["title"] and field["description"] for field in form.values())
    assert form["suite"]["schema"]["enum"] == ["quick", "standard", "full"]
    assert form["timeout_seconds"]["schema"]["maximum"] < drawn["timeouts"]["bench"]
