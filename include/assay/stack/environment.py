"""The environment each engine runs in."""

import json
import os
import sys
import sysconfig
from pathlib import Path

from assay.stack.home import Home

MARK = "ASSAY_STACK"  # every process of a home carries it, so that none is overlooked and none of others is touched


def common_environment(home: Home) -> dict[str, str]:
    """What every engine gets: this Python first on PATH, the project importable, the home's mark."""
    folders = [str(home.project), str(home.project / "include")]
    return {
        **os.environ,
        MARK: str(home.root),
        "ASSAY_HOME": str(home.root),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": ":".join([*folders, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
        # Servers that write their own title would overwrite the mark otherwise.
        "SPT_NOENV": "1",
        # Ray replaces 127.0.0.1 by an address of the network, unless it believes it cannot form a cluster.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # A token for whoever joins Ray; workers and drivers read the same file.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(home.root / "ray.token"),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Pure-Python packages phone nowhere from here.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
    }


def mlflow_environment(home: Home) -> dict[str, str]:
    """MLflow reaches its database and S3 on its own; it runs no background jobs (six more processes, 1.5 GB)."""
    return {
        # In the environment, not among the arguments, which every user of the machine can list.
        "MLFLOW_BACKEND_STORE_URI": home.database_url("mlflow", "postgresql+psycopg2"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_S3_ENDPOINT_URL": home.url("s3"),
        "AWS_ACCESS_KEY_ID": home.secrets["s3_access_key"],
        "AWS_SECRET_ACCESS_KEY": home.secrets["s3_secret_key"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def triton_environment() -> dict[str, str]:
    """The wheel's server finds its bundled libraries and this Python's."""
    packages = Path(sysconfig.get_path("purelib"))
    libraries = [str(packages / "nvidia_pytriton.libs"), str(sysconfig.get_config_var("LIBDIR") or "")]
    return {"LD_LIBRARY_PATH": ":".join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")])}


def airflow_environment(home: Home) -> dict[str, str]:
    """Airflow's settings for a small machine: short ticks, few workers, loopback only."""
    options = {
        "core": {
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": "4",
            "dags_folder": str(_folder(home, "dags")),
            "plugins_folder": str(_folder(home, "plugins")),
            "execution_api_server_url": f"{home.url('airflow')}/execution/",
            "fernet_key": home.secrets["airflow_fernet_key"],
            "simple_auth_manager_users": "assay:admin",
            "simple_auth_manager_passwords_file": str(home.root / "airflow" / "passwords.json"),
            "dags_are_paused_at_creation": "False",
        },
        "api": {
            "host": "127.0.0.1",
            "port": str(home.ports["airflow"]),
            "base_url": home.url("airflow"),
            "workers": "1",
            "secret_key": home.secrets["airflow_secret_key"],
        },
        "api_auth": {"jwt_secret": home.secrets["airflow_jwt_secret"]},
        "database": {"sql_alchemy_conn": home.database_url("airflow", "postgresql+psycopg2")},
        # The default of 5 s keeps a finished task's slot occupied that long.
        "workers": {"min_heartbeat_interval": "1"},
        "scheduler": {
            "scheduler_idle_sleep_time": "0.1",
            "enable_health_check": "False",
            # Tasks lost with a killed scheduler are tried again after half a minute, not five.
            "task_instance_heartbeat_timeout": "30",
            "task_instance_heartbeat_timeout_detection_interval": "5",
            "orphaned_tasks_check_interval": "20",
        },
        "dag_processor": {"refresh_interval": "10", "min_file_process_interval": "10"},
        "logging": {"base_log_folder": str(home.logs / "airflow")},
        "usage_data_collection": {"enabled": "False"},
        "openlineage": {
            "namespace": "assay",
            "execute_in_thread": "true",
            "transport": json.dumps(_lineage_transport(home)),
        },
    }
    flat = {f"AIRFLOW__{s.upper()}__{key.upper()}": value for s, keys in options.items() for key, value in keys.items()}
    return {"AIRFLOW_HOME": str(home.root / "airflow"), **flat}


def _lineage_transport(home: Home) -> dict[str, object]:
    return {
        "type": "http",
        "url": home.url("api"),
        "endpoint": "api/v1/lineage",
        "timeout": 2,
        "compression": "gzip",
        "auth": {"type": "api_key", "apiKey": home.secrets["api_token"]},
        "retry": {"total": 1},
    }


def _folder(home: Home, name: str) -> Path:
    """The project's own, else the one that came with Assay."""
    own = home.project / name
    return own if own.is_dir() else Path(__file__).parents[3] / name
