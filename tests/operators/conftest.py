"""Airflow on a throw-away SQLite; its settings must stand before the first `import airflow`."""

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="assay-airflow-"))
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(_HOME / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(_HOME / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
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

    passwords = {"admin": os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"]}
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
