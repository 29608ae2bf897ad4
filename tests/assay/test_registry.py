"""The registry on a real MLflow server."""

from pathlib import Path

import numpy as np
import pytest

from assay.digests import sha256_bytes, sha256_file
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.registry import CHALLENGER, CHAMPION, MODEL_TAG, ONNX_TAG, Registry, open_registry
from assay.settings import Settings
from tests.mlflow_server import mlflow_url  # noqa: F401 - a fixture
from tests.triton_server import write_onnx

pytestmark = pytest.mark.engines


@pytest.fixture
def registry(mlflow_url: str) -> Registry:  # noqa: F811
    return open_registry(Settings(mlflow_url=mlflow_url))


def tags_of(path: Path) -> dict[str, str]:
    return {MODEL_TAG: sha256_bytes(path.read_bytes() + b"manifest"), ONNX_TAG: sha256_file(path)}


def test_same_digest_keeps_its_version_and_another_gets_the_next(registry: Registry, tmp_path: Path) -> None:
    one, two = write_onnx(tmp_path / "1.onnx", 1.0), write_onnx(tmp_path / "2.onnx", 2.0)
    versions = [registry.register("once", path, tags_of(path)).version for path in (one, one, two)]
    assert versions == [1, 1, 2]
    assert registry.alias("once", CHALLENGER) == 2
    assert registry.alias("once", CHAMPION) is None


def test_crowned_version_is_champion_and_challenges_no_more(registry: Registry, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "1.onnx")
    version = registry.register("crowned", path, tags_of(path)).version
    registry.crown("crowned", version)
    registry.register("crowned", path, tags_of(path))
    assert registry.alias("crowned", CHAMPION) == version
    assert registry.alias("crowned", CHALLENGER) is None


def test_fetched_file_is_the_registered_bytes_and_a_flipped_byte_is_named(registry: Registry, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "1.onnx")
    version = registry.register("bytes", path, tags_of(path))
    fetched = registry.fetch(version, tmp_path / "fetched", sha256_file(path))
    assert fetched.read_bytes() == path.read_bytes()
    with pytest.raises(IntegrityError, match="models:/bytes/1"):
        registry.fetch(version, tmp_path / "again", "0" * 64)


def test_mlflow_users_load_the_version_with_mlflow_alone(
    registry: Registry,
    tmp_path: Path,
    mlflow_url: str,  # noqa: F811
) -> None:
    import mlflow

    path = write_onnx(tmp_path / "1.onnx")
    version = registry.register("theirs", path, tags_of(path))
    mlflow.set_tracking_uri(mlflow_url)
    model = mlflow.pyfunc.load_model(version.url)
    answer = model.predict(np.array([[1.0, 2.0]], dtype=np.float32))
    assert answer["label"].tolist() == [1]


def test_unknown_version_is_misuse_and_a_server_that_is_down_is_not(registry: Registry) -> None:
    with pytest.raises(SpecError, match="not in the registry"):
        registry.get("nobody", 7)
    assert registry.alias("nobody", CHAMPION) is None
    assert registry.find("nobody", "0" * 64) is None


def test_registry_that_does_not_answer_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(EngineUnavailable, match="assay status"):
        open_registry(Settings(mlflow_url="http://127.0.0.1:9")).find("digits", "0" * 64)
