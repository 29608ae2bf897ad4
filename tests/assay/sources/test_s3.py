"""Against a real S3 server: rclone over a folder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.errors import EngineUnavailable, SpecError
from assay.settings import Settings
from assay.sources.landing import Landing
from assay.sources.s3 import fetch_s3
from assay.spec import S3Source
from tests.s3_server import KEY, SECRET, start_s3

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Endpoint URL, and the folder that is the bucket `data`."""
    root = tmp_path_factory.mktemp("s3")
    (root / "data/mails/deep").mkdir(parents=True)
    (root / "data/one.csv").write_text("a\n")
    (root / "data/mails-old").mkdir()
    (root / "data/mails-old/x.txt").write_text("not asked for")
    with start_s3(root) as endpoint:
        yield endpoint, root / "data"


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing", tmp_path, datetime.now(UTC))


def settings(endpoint: str, secret: str = SECRET) -> Settings:
    return Settings.model_validate({"s3_endpoint_url": endpoint, "s3_access_key": KEY, "s3_secret_key": secret})


def test_objects_below_the_prefix_arrive_with_their_etags(bucket: tuple[str, Path], landing: Landing) -> None:
    endpoint, folder = bucket
    for number in range(1200):  # more than one page of a listing
        (folder / f"mails/{number:04d}.txt").write_text(str(number))
    (folder / "mails/deep/x.txt").write_text("deep")
    (folder / "mails/skip.csv").write_text("no")
    found = fetch_s3(S3Source(source="s3", url="s3://data/mails", files="*.txt"), landing, settings(endpoint))
    assert len(found.files) == 1201
    assert found.files[7].uri == "s3://data/mails/0007.txt"
    assert all(file.etag for file in found.files)
    assert (landing.folder / "deep/x.txt").read_text() == "deep"


def test_one_object_can_be_named(bucket: tuple[str, Path], landing: Landing) -> None:
    endpoint, _ = bucket
    found = fetch_s3(S3Source(source="s3", url="s3://data/one.csv"), landing, settings(endpoint))
    assert [file.name for file in found.files] == ["one.csv"]


def test_wrong_bucket_prefix_and_secret_are_told_apart(bucket: tuple[str, Path], landing: Landing) -> None:
    endpoint, _ = bucket
    with pytest.raises(SpecError, match="no file matches"):
        fetch_s3(S3Source(source="s3", url="s3://data/nothing/here"), landing, settings(endpoint))
    with pytest.raises(SpecError, match="NoSuchBucket"):
        fetch_s3(S3Source(source="s3", url="s3://nobucket/x"), landing, settings(endpoint))
    with pytest.raises(EngineUnavailable, match="credentials"):
        fetch_s3(S3Source(source="s3", url="s3://data/mails"), landing, settings(endpoint, "another-secret"))
    with pytest.raises(EngineUnavailable, match="is the object store up"):
        fetch_s3(S3Source(source="s3", url="s3://data/mails"), landing, settings("http://127.0.0.1:9"))
