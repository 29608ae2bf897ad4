"""Put the report beside the version it speaks of, where people look for it: in the registry, on that version's run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import EngineUnavailable
from assay.registry import open_registry
from assay.settings import Settings
from assay.store import open_store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

REPORT_TAG = "assay.report_sha256"
FOLDER = "trust-report"


@dataclass(frozen=True)
class Attached:
    """sha256: of the page in the store. url: where people open it in the registry's own pages."""

    sha256: str
    url: str


def attach_report(settings: Settings, name: str, version: int, page: bytes) -> Attached:
    """Store `page`, tag the version with its sha256, and log it as an artifact of the version's run, if it has one.

    The tag can be edited by whoever reaches the registry: the digest that counts is the one in a signed statement.
    Raises SpecError when there is no such version, EngineUnavailable when store or registry do not answer.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    open_registry(settings).get(name, version)
    sha256 = open_store(settings).put_bytes(page)
    client = MlflowClient(tracking_uri=settings.mlflow_url, registry_uri=settings.mlflow_url)
    try:
        run_id = client.get_model_version(name, str(version)).run_id
        place = _log(client, run_id, version, page) if run_id else f"models/{name}/versions/{version}"
        client.set_model_version_tag(name, str(version), REPORT_TAG, sha256)
    except MlflowException as error:
        raise EngineUnavailable(f"MLflow: {error}; is it up? `assay status` tells") from error
    return Attached(sha256, f"{settings.mlflow_url.rstrip('/')}/#/{place}")


def _log(client: "MlflowClient", run_id: str, version: int, page: bytes) -> str:
    """Where the artifact is in MLflow's pages."""
    client.log_text(run_id, page.decode(), report_path(version))
    experiment = client.get_run(run_id).info.experiment_id
    return f"experiments/{experiment}/runs/{run_id}/artifacts/{report_path(version)}"


def report_path(version: int) -> str:
    """Of the artifact below its run; a run may be behind several versions."""
    return f"{FOLDER}/version-{version}.html"
