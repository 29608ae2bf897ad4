"""The home folder of one stack: where everything lies, which ports, which secrets. Made once, then stable.

Secrets are generated on first start and readable by their owner only.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from assay.errors import SpecError
from assay.near_miss import suggestion

T = TypeVar("T")

PORTS = ("postgres", "s3", "mlflow", "airflow", "ray", "ray_client", "triton", "triton_grpc", "triton_metrics", "api")
_PORT_RANGE = range(20000, 32000)
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
    """root: the folder. project: the folder whose dags/, plugins/ and include/pipelines/ the stack runs.

    run: a short path for sockets (their names end at 107 bytes) and Ray's session folders.
    """

    root: Path
    project: Path
    run: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

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
    _check(ports or {})
    try:
        _make_folders(root)
        with exclusive(root / ".making"):
            return Home(
                root=root,
                project=project or _project(),
                run=_run_folder(root),
                ports=_kept(root / "ports.json", _choose_ports, dict(ports or {})),
                secrets=_kept(root / "secrets.json", _make_secrets, {}),
            )
    except OSError as error:
        raise SpecError(
            f"{root}: expected a folder Assay can write to, found {error}; choose one with --home"
        ) from error


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback now."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def exists(root: Path) -> bool:
    """Whether a stack was ever started in `root`."""
    return (root / "ports.json").is_file()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, over all processes; it ends with its holder."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one piece, readable by its owner only."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    partial.replace(path)


def _check(ports: Mapping[str, int]) -> None:
    for name, number in ports.items():
        if name not in PORTS:
            raise SpecError(f"--port {name}: no such engine; {suggestion(name, PORTS)}")
        if not 1 <= number <= 65535:
            raise SpecError(f"--port {name}={number}: expected a number from 1 to 65535")


def _make_folders(root: Path) -> None:
    """Only their owner looks into them; PostgreSQL's system user has to pass through the root's home."""
    root.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    for folder in ("logs", "s3", "s3/assay", "s3/mlflow", "airflow", "airflow/config", "triton", "triton/repository",
                   "capture"):  # fmt: skip
        (root / folder).mkdir(exist_ok=True, mode=0o700)


def _run_folder(root: Path) -> Path:
    """Remembered in the home, so that it is found whatever TMPDIR says; never one that others could have made."""
    record = root / "run.path"
    mark = hashlib.sha256(str(root).encode()).hexdigest()[:10]
    folder = Path(record.read_text()) if record.is_file() else Path(tempfile.gettempdir()) / f"assay-{mark}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        folder = Path(tempfile.mkdtemp(prefix="assay-"))
    write_private(record, str(folder))
    return folder


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
    """Free ports for those not taken yet, below those the system hands to outgoing connections."""
    candidates = list(set(_PORT_RANGE) - set(taken.values()))
    secrets.SystemRandom().shuffle(candidates)
    free = (number for number in candidates if is_free(number))
    return {name: next(free) for name in PORTS if name not in taken}


def _make_secrets(taken: Mapping[str, str]) -> Mapping[str, str]:
    made = {name: secrets.token_hex(size) for name, size in _SECRETS.items() if name not in taken}
    if "airflow_fernet_key" not in taken:
        from cryptography.fernet import Fernet

        made["airflow_fernet_key"] = Fernet.generate_key().decode()
    return made
