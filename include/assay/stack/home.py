"""The home folder of one stack: where everything lies, which ports, which secrets. Made once, then stable.

Secrets are generated on first start and readable by their owner only.
"""

import hashlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from assay.errors import SpecError

T = TypeVar("T")

PORTS = ("postgres", "s3", "mlflow", "airflow", "ray", "ray_client", "triton", "triton_grpc", "triton_metrics", "api")
_SECRETS = {  # name -> bytes of randomness
    "postgres_password": 24,
    "s3_access_key": 12,
    "s3_secret_key": 24,
    "airflow_password": 18,
    "airflow_jwt_secret": 64,
    "airflow_secret_key": 32,
    "triton_admin": 24,
    "api_token": 24,
    "ray_token": 32,
}


@dataclass(frozen=True)
class Home:
    """root: the folder. project: the folder whose dags/, plugins/ and include/pipelines/ the stack runs."""

    root: Path
    project: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Short path for sockets (their names end at 107 bytes) and Ray's session folders."""
        mark = hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"assay-{mark}"

    @property
    def triton_repository(self) -> Path:
        return self.root / "triton" / "repository"

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def database_url(self, database: str, scheme: str = "postgresql") -> str:
        return f"{scheme}://postgres:{self.secrets['postgres_password']}@127.0.0.1:{self.ports['postgres']}/{database}"


def open_home(root: Path, project: Path | None = None, ports: Mapping[str, int] | None = None) -> Home:
    """The home in `root`, made if absent. `ports` given by the user are kept for the next start.

    Raises SpecError for an unknown port name or a folder that cannot be written.
    """
    unknown = set(ports or {}) - set(PORTS)
    if unknown:
        raise SpecError(f"--port {sorted(unknown)[0]}: expected one of {', '.join(PORTS)}")
    try:
        for folder in ("logs", "s3/assay", "s3/mlflow", "airflow/config", "triton/repository", "capture"):
            (root / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"{root}: expected a folder Assay can write to, found {error}; choose one with --home"
        ) from error
    home = Home(
        root=root,
        project=project or _project(),
        ports=_kept(root / "ports.json", _choose_ports, dict(ports or {})),
        secrets=_kept(root / "secrets.json", _make_secrets, {}),
    )
    home.run.mkdir(mode=0o700, exist_ok=True)
    return home


def exists(root: Path) -> bool:
    """Whether a stack was ever started in `root`."""
    return (root / "ports.json").is_file()


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one piece, readable by its owner only."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    partial.replace(path)


def _project() -> Path:
    """The working directory if it has pipelines of its own, else the installed source tree."""
    here = Path.cwd()
    return here if (here / "include" / "pipelines").is_dir() else Path(__file__).parents[3]


def _kept(path: Path, make: Callable[[Mapping[str, T]], Mapping[str, T]], given: Mapping[str, T]) -> Mapping[str, T]:
    found: Mapping[str, T] = json.loads(path.read_text()) if path.is_file() else {}
    wanted = {**make({**found, **given}), **found, **given}
    if wanted != found:
        write_private(path, json.dumps(wanted, indent=2) + "\n")
    return wanted


def _choose_ports(taken: Mapping[str, int]) -> Mapping[str, int]:
    """Free high ports for those not taken yet; held together while choosing, so that no two are equal."""
    sockets = {name: socket.socket() for name in PORTS if name not in taken}
    try:
        for held in sockets.values():
            held.bind(("127.0.0.1", 0))
        return {name: int(held.getsockname()[1]) for name, held in sockets.items()}
    finally:
        for held in sockets.values():
            held.close()


def _make_secrets(taken: Mapping[str, str]) -> Mapping[str, str]:
    made = {name: secrets.token_hex(size) for name, size in _SECRETS.items() if name not in taken}
    if "airflow_fernet_key" not in taken:
        from cryptography.fernet import Fernet

        made["airflow_fernet_key"] = Fernet.generate_key().decode()
    return made
