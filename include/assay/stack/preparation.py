"""What engines find when they start: free ports, a cluster, settings, credentials, a schema. Safe to repeat."""

import json
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from assay.errors import EngineUnavailable
from assay.stack.engines import tool
from assay.stack.environment import airflow_environment, common_environment
from assay.stack.home import Home, is_free, write_private
from assay.stack.postgres import make_cluster
from assay.stack.settings_file import write_settings


def check_ports(home: Home) -> None:
    """Raises EngineUnavailable naming the port that someone else uses. Nothing of this home may run."""
    for name, number in home.ports.items():
        if not is_free(number):
            raise EngineUnavailable(
                f"{name}: expected port {number} of 127.0.0.1 to be free, found it in use{_holder(number)}; "
                f"stop that program or choose another port: `assay up --port {name}=NUMBER`"
            )


def prepare(home: Home) -> None:
    """Files that must lie there before any engine starts."""
    shutil.rmtree(home.run / "ray", ignore_errors=True)
    make_cluster(home)
    write_settings(home)
    write_private(home.root / "ray.token", home.secrets["ray_token"])
    passwords = json.dumps({"assay": home.secrets["airflow_password"]})
    write_private(home.root / "airflow" / "passwords.json", passwords)
    preload = Path(__file__).with_name("airflow_preload.py").read_text()
    (home.root / "airflow" / "config" / "airflow_local_settings.py").write_text(preload)


def migrate_airflow(home: Home) -> None:
    """Once per version of Airflow; it costs seconds. Raises EngineUnavailable naming its log."""
    mark = home.root / "airflow" / "migrated"
    if mark.is_file() and mark.read_text() == version("apache-airflow"):
        return
    environment = {**common_environment(home), **airflow_environment(home)}
    log = home.logs / "airflow-migrate.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [tool("airflow"), "db", "migrate"], env=environment, stdout=stream, stderr=stream, check=False, timeout=300
        )
    if done.returncode:
        raise EngineUnavailable(f"airflow db migrate ended with {done.returncode}; see {log}")
    mark.write_text(version("apache-airflow"))


def _holder(port: int) -> str:
    import psutil

    try:
        held = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return ""
    pids = {entry.pid for entry in held if entry.laddr and entry.laddr.port == port and entry.pid}
    return f" by process {', '.join(map(str, sorted(pids)))}" if pids else ""
