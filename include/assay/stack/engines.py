"""Which programs make up each engine, how each is started, and the order they come and go in."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.stack.environment import (
    airflow_environment,
    common_environment,
    mlflow_environment,
    triton_environment,
)
from assay.stack.home import Home
from assay.stack.postgres import postgres_binary

_RAY_STORE_BYTES = 200 << 20


@dataclass(frozen=True)
class Start:
    """What a program becomes: arguments, environment, and the system user it runs as ("" = ours)."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    user: str = ""


@dataclass(frozen=True)
class Program:
    """One supervised process. engine: whose it is. order: lower starts earlier and stops later.

    stop_signal: what asks it to end. stops_children: whether its children are asked too.
    """

    name: str
    engine: str
    order: int
    start: Callable[[Home], Start]
    stop_signal: str = "TERM"
    stops_children: bool = True


def programs() -> tuple[Program, ...]:
    """Every program of the stack."""
    return (
        # On TERM it would wait for its clients to leave.
        Program("postgres", "postgres", 10, _postgres, "INT"),
        Program("s3", "s3", 20, _s3),
        # It ends its own children, and waits for them in vain when they are gone already.
        Program("ray", "ray", 30, _ray, stops_children=False),
        Program("triton", "triton", 30, _triton),
        Program("api", "api", 40, _api),
        Program("mlflow", "mlflow", 40, _mlflow),
        Program("airflow-api", "airflow", 50, lambda home: _airflow(home, "api-server")),
        Program("airflow-dags", "airflow", 60, lambda home: _airflow(home, "dag-processor")),
        # Their log servers would listen on every interface.
        Program("airflow-scheduler", "airflow", 60, lambda home: _airflow(home, "scheduler", "--skip-serve-logs")),
        Program("airflow-triggers", "airflow", 60, lambda home: _airflow(home, "triggerer", "--skip-serve-logs")),
    )


def engine_names() -> tuple[str, ...]:
    """Engines in starting order, each once."""
    return tuple(dict.fromkeys(program.engine for program in programs()))


def tool(name: str) -> str:
    """A console script of this environment, wherever the caller's PATH points."""
    return str(Path(sys.executable).with_name(name))


def _postgres(home: Home) -> Start:
    from assay.stack.postgres import system_user

    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(home.ports["postgres"]),
        "unix_socket_directories": "",
        "max_connections": "150",
        "shared_buffers": "64MB",
        "logging_collector": "off",
    }
    arguments = [postgres_binary("postgres"), "-D", str(home.root / "postgres")]
    for key, value in options.items():
        arguments += ["-c", f"{key}={value}"]
    return Start(tuple(arguments), common_environment(home), system_user())


def _s3(home: Home) -> Start:
    environment = {
        # In the environment, not among the arguments, which every user of the machine can list.
        # Quoted, because rclone reads lists in variables as CSV.
        "RCLONE_AUTH_KEY": f'"{home.secrets["s3_access_key"]},{home.secrets["s3_secret_key"]}"',
        "RCLONE_CONFIG": "",
    }
    address = f"127.0.0.1:{home.ports['s3']}"
    arguments = (tool("rclone"), "serve", "s3", str(home.root / "s3"), "--addr", address,
                 "--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--dir-cache-time", "1s",
                 "--cache-dir", str(home.root / "s3-cache"))  # fmt: skip
    return Start(arguments, {**common_environment(home), **environment})


def _ray(home: Home) -> Start:
    arguments = (tool("ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1",
                 f"--port={home.ports['ray']}", f"--ray-client-server-port={home.ports['ray_client']}",
                 "--include-dashboard=false", f"--num-cpus={os.cpu_count() or 1}",
                 f"--object-store-memory={_RAY_STORE_BYTES}", f"--temp-dir={home.run / 'ray'}",
                 "--disable-usage-stats")  # fmt: skip
    return Start(arguments, common_environment(home))


def _triton(home: Home) -> Start:
    from assay.triton.repository import Repository

    backends = _triton_backends(home)
    header = f"assay-admin={home.secrets['triton_admin']}"
    managed = "model-repository,model-config,statistics,shared-memory,logging,trace"
    server = Path(sysconfig.get_path("purelib")) / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    arguments = [
        str(server),
        f"--model-repository={home.triton_repository}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        "--exit-on-error=false",
        "--strict-readiness=false",  # one model that may not be loaded does not keep the others from answering
        # Our config.pbtxt is complete; guessing it anew would cost a second at every load.
        "--disable-auto-complete-config",
        "--exit-timeout-secs=5",
        "--http-address=127.0.0.1",
        f"--http-port={home.ports['triton']}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={home.ports['triton_grpc']}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={home.ports['triton_metrics']}",
        "--allow-gpu-metrics=false",
        f"--http-restricted-api={managed}:{header}",
        f"--grpc-restricted-protocol={managed}:{header}",
        *(f"--load-model={name}" for name in Repository(home.triton_repository).active()),
    ]
    return Start(tuple(arguments), {**common_environment(home), **triton_environment()})


def _triton_backends(home: Home) -> Path:
    """A writable copy of the wheel's backends with the stub for this Python in its place."""
    source = Path(sysconfig.get_path("purelib")) / "pytriton" / "tritonserver"
    target = home.root / "triton" / "backends"
    stub = target / "python" / "triton_python_backend_stub"
    if not stub.is_file():
        shutil.copytree(source / "backends", target, dirs_exist_ok=True)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        shutil.copy2(source / "python_backend_stubs" / python / "triton_python_backend_stub", stub)
    return target


def _api(home: Home) -> Start:
    arguments = (sys.executable, "-m", "uvicorn", "--factory", "assay.api.app:create_app", "--host", "127.0.0.1",
                 "--port", str(home.ports["api"]), "--no-access-log")  # fmt: skip
    return Start(arguments, common_environment(home))


def _mlflow(home: Home) -> Start:
    arguments = (tool("mlflow"), "server", "--host", "127.0.0.1", "--port", str(home.ports["mlflow"]),
                 "--artifacts-destination", "s3://mlflow", "--workers", "1")  # fmt: skip
    return Start(arguments, {**common_environment(home), **mlflow_environment(home)})


def _airflow(home: Home, *command: str) -> Start:
    return Start((tool("airflow"), *command), {**common_environment(home), **airflow_environment(home)})
