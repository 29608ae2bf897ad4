"""GET /health tells the truth about the database and asks for no token."""

from pathlib import Path

from fastapi.testclient import TestClient
from pydantic import SecretStr

from assay.api.app import create_app
from assay.settings import Settings


def test_api_starts_without_its_database_and_says_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(f"postgresql://nobody@/none?host={tmp_path}"))
    with TestClient(create_app(settings)) as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert "PostgreSQL" in answer.json()["database"]


def test_health_is_ok_when_the_database_answers(database_url: str) -> None:
    with TestClient(create_app(Settings(database_url=SecretStr(database_url)))) as client:
        answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}
