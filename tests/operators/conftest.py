"""Airflow on a throw-away SQLite; its settings must stand before the first `import airflow`."""

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.digests import sha256_bytes
from assay.workbench import Workbench

_HOME = Path(tempfile.mkdtemp(prefix="assay-airflow-"))
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(_HOME / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(_HOME / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="admin:admin,bob:op",
    AIRFLOW__OPENLINEAGE__DISABLED="True",
    ASSAY_TEST_AIRFLOW_PASSWORD="only-here",
    AIRFLOW__API_AUTH__JWT_SECRET="0" * 64,
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """A migrated Airflow database; returns the home folder, whose `dags/` is Airflow's DAG folder."""
    from airflow.utils.db import initdb

    (_HOME / "dags").mkdir(exist_ok=True)
    initdb()
    return _HOME


@pytest.fixture(scope="session")
def airflow_url(airflow_home: Path) -> Iterator[str]:
    """Airflow's real API server on that database; there is no scheduler, so triggered runs stay queued."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    passwords = dict.fromkeys(("admin", "bob"), os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"])
    (airflow_home / "simple_auth_manager_passwords.json.generated").write_text(json.dumps(passwords))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


_SPEC = """
name: toy
data: {collector: {sources: [{source: path, path: /nowhere}], reader: csv}}
train: {model: 'toy_model_of_tests:Toy'}
approval: {approvers: [admin]}
"""
_MODEL = """
from assay.sdk import TrainableModel


class Toy(TrainableModel):
    def train_function(self, train, context, *, epochs: int = 5): ...
    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...
"""
DrawDag = Callable[[str], Any]


@pytest.fixture
def draw(airflow_home: Path, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DrawDag:
    """Draws the one DAG of a file's text, whose tasks find pipeline `toy` and the bench's ports."""
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "toy_model_of_tests.py").write_text(_MODEL)
    (tmp_path / "toy.yaml").write_text(_SPEC)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_PIPELINES", str(tmp_path))
    monkeypatch.setenv("ASSAY_DATABASE_URL", bench.settings.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_STORE_URL", bench.settings.store_url)
    monkeypatch.setenv("ASSAY_KEYS", str(bench.settings.keys))

    def draw_dag(text: str) -> Any:
        # Airflow's test runs import the file again, so it stays in the DAG folder.
        file = airflow_home / "dags" / f"drawn_{sha256_bytes(text.encode())[:8]}.py"
        file.write_text(text)
        bag = DagBag(str(file))
        assert not bag.import_errors
        (dag,) = bag.dags.values()
        return dag

    return draw_dag
