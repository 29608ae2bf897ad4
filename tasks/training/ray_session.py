"""One connection to Ray for one task: a cluster when settings name one, else a local Ray that ends with it."""

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator

from assay.errors import EngineUnavailable, SpecError
from assay.settings import Settings
from assay.spec import ResourceSpec

_STORE_BYTES = 80 * 2**20
_CONNECT_SECONDS = 5.0
# Tune checks metrics and warns of frequent checkpoints in ways made for long epochs; ours are checked by the worker.
_QUIET = {
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


@contextlib.contextmanager
def ray_session(settings: Settings, resources: ResourceSpec, data_bytes: int) -> Iterator[str]:
    """Connect, yield "cluster" or "local", and disconnect; a local Ray leaves no process and no folder.

    data_bytes: size of what every worker reads; the local object store is made to hold it.
    Raises EngineUnavailable when the cluster does not answer, SpecError when no node can hold one trial.
    """
    for name, value in {**_QUIET, **_reach(settings)}.items():
        os.environ.setdefault(name, value)
    import ray

    # Sockets live below this folder and their paths must stay under 108 bytes.
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        if settings.ray_address:
            _join(settings.ray_address)
        else:
            ray.init(
                num_cpus=os.cpu_count(),
                include_dashboard=False,
                logging_level=logging.ERROR,
                configure_logging=False,
                log_to_driver=False,
                _temp_dir=folder,
                object_store_memory=_STORE_BYTES + 3 * data_bytes,
            )
        _can_hold(resources)
        yield "cluster" if settings.ray_address else "local"
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _reach(settings: Settings) -> dict[str, str]:
    """Ray's variables for this machine alone: loopback addresses stay loopback, the home's token opens the cluster.

    Ray reads them when it is imported.
    """
    host = settings.ray_address.rpartition(":")[0]
    local = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if host in ("", "127.0.0.1", "localhost") else {}
    token = settings.home.absolute() / "ray.token"
    if settings.ray_address and token.is_file():
        return {**local, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    return local


def _join(address: str) -> None:
    import ray

    _answers(address)
    try:
        ray.init(address=address, logging_level=logging.ERROR, configure_logging=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineUnavailable(
            f"Ray at {address}: {error}; start it (`assay up`) or unset ASSAY_RAY_ADDRESS"
        ) from error


def _answers(address: str) -> None:
    """Ray itself would wait for minutes on an address where nobody listens. Raises EngineUnavailable."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise EngineUnavailable(
            f"Ray at {address}: {error}; start it (`assay up`), mend the address, or unset ASSAY_RAY_ADDRESS"
        ) from error


def _can_hold(resources: ResourceSpec) -> None:
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    if not any(n.get("CPU", 0) >= resources.cpus and n.get("GPU", 0) >= resources.gpus for n in nodes):
        found = [{kind: node.get(kind, 0) for kind in ("CPU", "GPU")} for node in nodes]
        raise SpecError(
            f"train.resources: a trial asks for {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, "
            f"nodes have {found}; ask for less or add a node"
        )
