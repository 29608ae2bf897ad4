"""Airflow on a throw-away SQLite; its settings must stand before the first `import airflow`."""

import os
import tempfile
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
    AIRFLOW__API_AUTH__JWT_SECRET="0" * 64,
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """A migrated Airflow database; returns the home folder, whose `dags/` is Airflow's DAG folder."""
    from airflow.utils.db import initdb

    (_HOME / "dags").mkdir(exist_ok=True)
    initdb()
    return _HOME
