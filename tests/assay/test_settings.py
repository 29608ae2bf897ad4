"""Settings come from the environment, else from the home's file; what does not parse is named."""

from pathlib import Path

import pytest

from assay.errors import SpecError
from assay.settings import ENV_FILE_NAME, load_settings

FILE = """# Written by `assay up`.
ASSAY_STORE_URL="s3://assay/store"
ASSAY_S3_SECRET_KEY='a # and a space'
export ASSAY_S3_REGION=eu-central-1
ASSAY_NO_LONGER_A_SETTING=1
ANOTHER=2
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ENV_FILE_NAME).write_text(FILE)
    return tmp_path


def test_the_file_is_read_and_the_home_is_where_it_lies(home: Path) -> None:
    settings = load_settings(home)
    assert settings.home == home and settings.store_url == "s3://assay/store"
    assert settings.s3_secret_key.get_secret_value() == "a # and a space" and "a #" not in repr(settings)
    assert settings.s3_region == "eu-central-1" and settings.mlflow_url == ""


@pytest.mark.parametrize("name", ["ASSAY_STORE_URL", "assay_store_url"])
def test_the_environment_wins(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "file:///elsewhere")
    monkeypatch.setenv("ASSAY_RETENTION_EVENTS_DAYS", "500")
    monkeypatch.setenv("ASSAY_HOME", "/nowhere")
    settings = load_settings(home)
    assert settings.store_url == "file:///elsewhere" and settings.retention_events_days == 500
    assert settings.home == home and settings.s3_region == "eu-central-1"


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "new").store_url == ""


def test_a_value_that_does_not_parse_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_RETENTION_EVENTS_DAYS", "30")
    with pytest.raises(SpecError, match="retention_events_days"):
        load_settings(home)
