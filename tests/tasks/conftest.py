"""The environment of a person who gives a command."""

import pytest
from pydantic import SecretStr

from assay.settings import Settings


@pytest.fixture
def as_person(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the test's own ports in the environment, as a person's commands do."""
    for name, value in settings.model_dump().items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        monkeypatch.setenv(f"ASSAY_{name.upper()}", text)
