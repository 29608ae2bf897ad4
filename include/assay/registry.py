"""The model registry, on MLflow: versions by digest, aliases, and files that are verified when they come back.

Tags and aliases in MLflow can be edited by anyone who reaches it; what they claim is checked against the
ledger by the callers. `champion` is moved only by a deployment that succeeded, so it never names a
version that does not serve; a registered version waits under `challenger`.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assay.bundle import ONNX_FILE
from assay.digests import sha256_file
from assay.errors import AssayError, EngineUnavailable, IntegrityError, SpecError
from assay.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    Result = TypeVar("Result")

CHAMPION, CHALLENGER = "champion", "challenger"
MODEL_TAG, ONNX_TAG = "assay.model_sha256", "assay.onnx_sha256"
_ARTIFACT = "model"


@dataclass(frozen=True)
class RegisteredVersion:
    """One version, as the registry describes it."""

    name: str
    version: int
    model_sha256: str
    onnx_sha256: str
    source: str

    @property
    def url(self) -> str:
        return f"models:/{self.name}/{self.version}"


class Registry:
    """Registered models of one MLflow server."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def register(
        self, name: str, onnx: Path, tags: "Mapping[str, str]", run_id: str = "", alias: str | None = CHALLENGER
    ) -> RegisteredVersion:
        """A version of `name` with this file and these tags. One with the same model digest is used again."""
        version = self.find(name, tags[MODEL_TAG])
        if version is None:
            version = _foreign(lambda: self._create(name, onnx, tags, run_id))
        if alias is not None and self.alias(name, CHAMPION) != version.version:
            self.set_alias(name, alias, version.version)
        return version

    def find(self, name: str, model_sha256: str) -> RegisteredVersion | None:
        """The version with that model digest, or None."""
        wanted = f"name = '{name}' and tag.`{MODEL_TAG}` = '{model_sha256}'"
        found = _foreign(lambda: self._client.search_model_versions(wanted))
        return _version(min(found, key=lambda version: int(version.version))) if found else None

    def get(self, name: str, version: int) -> RegisteredVersion:
        """Raises SpecError when there is no such version."""
        try:
            return _version(_foreign(lambda: self._client.get_model_version(name, str(version))))
        except _Absent:
            raise SpecError(f"models:/{name}/{version}: not in the registry; `assay lineage up model/{name}`") from None

    def alias(self, name: str, alias: str) -> int | None:
        """The version an alias names, or None."""
        try:
            return int(_foreign(lambda: self._client.get_model_version_by_alias(name, alias)).version)
        except _Absent:
            return None

    def set_alias(self, name: str, alias: str, version: int) -> None:
        _foreign(lambda: self._client.set_registered_model_alias(name, alias, str(version)))

    def remove_alias(self, name: str, alias: str) -> None:
        """Take an alias away; no error when there is none."""
        if self.alias(name, alias) is not None:
            _foreign(lambda: self._client.delete_registered_model_alias(name, alias))

    def crown(self, name: str, version: int) -> None:
        """`champion` names the version that serves now; it challenges no more."""
        self.set_alias(name, CHAMPION, version)
        if self.alias(name, CHALLENGER) == version:
            self.remove_alias(name, CHALLENGER)

    def fetch(self, version: RegisteredVersion, folder: Path, sha256: str) -> Path:
        """The registered model.onnx in `folder`. Raises IntegrityError when its bytes are not `sha256`."""
        from mlflow.artifacts import download_artifacts

        uri = f"{version.source.rstrip('/')}/{ONNX_FILE}"
        path = Path(
            _foreign(
                lambda: download_artifacts(
                    artifact_uri=uri, dst_path=str(folder), tracking_uri=self._client.tracking_uri
                )
            )
        )
        found = sha256_file(path)
        if found != sha256:
            raise IntegrityError(
                f"{version.url} ({ONNX_FILE}): approved sha256 {sha256}, found {found}; "
                "the registered model was changed: restore it or open an incident"
            )
        return path

    def _create(self, name: str, onnx: Path, tags: "Mapping[str, str]", run_id: str) -> RegisteredVersion:
        from mlflow.exceptions import RestException

        run = run_id or self._run(name)
        with TemporaryDirectory(prefix="assay-register-") as folder:
            _write_mlflow_model(onnx, Path(folder), run)
            self._client.log_artifacts(run, folder, f"{_ARTIFACT}/{tags[MODEL_TAG][:12]}")
        try:
            self._client.create_registered_model(name)
        except RestException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        # The artifacts' resolved place, not runs:/, so that fetching needs no second look-up.
        source = f"{self._client.get_run(run).info.artifact_uri}/{_ARTIFACT}/{tags[MODEL_TAG][:12]}"
        made = self._client.create_model_version(name, source, run, tags=dict(tags), await_creation_for=0)
        return _version(made)

    def _run(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run = self._client.create_run(experiment_id, run_name="register")
        self._client.update_run(run.info.run_id, status="FINISHED")  # `set_terminated` prints to stdout
        return str(run.info.run_id)


def open_registry(settings: Settings) -> Registry:
    """The MLflow server that `ASSAY_MLFLOW_URL` names. Raises SpecError when none is configured."""
    if not settings.mlflow_url:
        raise SpecError("ASSAY_MLFLOW_URL: expected a URL, found none; start the stack with `assay up`")
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
    from mlflow.tracking import MlflowClient

    # A bar for one small file would garble our own lines.
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # type: ignore[no-untyped-call]  # MLflow ships it untyped
    return Registry(MlflowClient(tracking_uri=settings.mlflow_url, registry_uri=settings.mlflow_url))


class _Absent(AssayError):
    """MLflow knows no such thing."""


def _foreign(call: "Callable[[], Result]") -> "Result":
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise _Absent(f"MLflow: {error}") from error
        raise EngineUnavailable(f"MLflow: {error}; is it up? `assay status` tells") from error


def _version(found: "ModelVersion") -> RegisteredVersion:
    return RegisteredVersion(
        name=found.name,
        version=int(found.version),
        model_sha256=found.tags.get(MODEL_TAG, ""),
        onnx_sha256=found.tags.get(ONNX_TAG, ""),
        source=str(found.source),
    )


def _write_mlflow_model(onnx: Path, folder: Path, run_id: str) -> None:
    """The layout `mlflow.onnx.load_model` reads, around the very bytes: saving anew could change them."""
    import shutil

    import onnx as onnx_package
    import onnxruntime
    from mlflow.models import Model

    shutil.copyfile(onnx, folder / ONNX_FILE)
    (folder / "requirements.txt").write_text(
        f"onnx=={onnx_package.__version__}\nonnxruntime=={onnxruntime.__version__}\n"
    )
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    model = Model(artifact_path=_ARTIFACT, run_id=run_id)
    model.add_flavor("python_function", loader_module="mlflow.onnx", data=ONNX_FILE, env={})
    model.add_flavor("onnx", onnx_version=onnx_package.__version__, data=ONNX_FILE, providers=providers, code=None)
    model.save(str(folder / "MLmodel"))
