"""The report lies beside its version in a real registry, and its digest is the stored page's."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from assay.errors import EngineUnavailable, SpecError
from assay.registry import MODEL_TAG, ONNX_TAG, open_registry
from assay.settings import Settings
from assay.store import open_store
from tasks.reporting.attach_report import REPORT_TAG, attach_report, report_path

PAGE = "<!doctype html><title>naïve</title>".encode()


@pytest.fixture
def registered(settings: Settings, mlflow_url: str, tmp_path: Path) -> tuple[Settings, int]:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    with_registry = settings.model_copy(update={"mlflow_url": mlflow_url})
    tags = {MODEL_TAG: "a" * 64, ONNX_TAG: "b" * 64}
    return with_registry, open_registry(with_registry).register("reported", tmp_path / "model.onnx", tags).version


@pytest.mark.engines
def test_page_is_stored_tagged_and_logged_on_the_versions_run(registered: tuple[Settings, int], tmp_path: Path) -> None:
    settings, version = registered
    attached = attach_report(settings, "reported", version, PAGE)
    assert open_store(settings).read(attached.sha256) == PAGE
    client = MlflowClient(tracking_uri=settings.mlflow_url, registry_uri=settings.mlflow_url)
    found = client.get_model_version("reported", str(version))
    assert found.tags[REPORT_TAG] == attached.sha256
    artifacts = [one.path for one in client.list_artifacts(found.run_id, "trust-report")]
    assert artifacts == [report_path(version)]
    logged = Path(client.download_artifacts(found.run_id, report_path(version), str(tmp_path)))
    assert logged.read_bytes() == PAGE
    assert attached.url.endswith(f"/runs/{found.run_id}/artifacts/{report_path(version)}")


@pytest.mark.engines
def test_version_that_does_not_exist_gets_no_report(registered: tuple[Settings, int]) -> None:
    with pytest.raises(SpecError, match="not in the registry"):
        attach_report(registered[0], "reported", 99, PAGE)


def test_registry_that_does_not_answer_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(EngineUnavailable, match="is it up"):
        attach_report(settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"}), "reported", 1, PAGE)
