"""The pages over the story of two pipelines, told once; each test has a ledger of its own to spoil."""

import contextlib
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient

from assay.ledger import Ledger
from assay.page.app import create_page
from assay.page.reader import Reader
from assay.settings import Settings
from assay.signing import KeyRing
from assay.store import FileStore
from assay.workbench import Workbench
from tests.assay.page.page_story import tell
from tests.tasks.promotion_story import Story


@dataclass(frozen=True)
class Told:
    """The story in a database of its own. bench: to read with; a test that writes takes `copy`."""

    database: str
    folder: Path
    bench: Workbench
    story: Story


@dataclass
class Door:
    """Stands where Airflow's login stands: who knocks, and which pipelines are closed to them."""

    name: str = "vera"
    closed: set[str] = field(default_factory=set)

    def guard(self, request: Request) -> None:
        if self.name:
            request.state.reader = Reader(self.name, lambda pipelines: pipelines - self.closed)

    def pages(self, settings: Settings) -> FastAPI:
        return create_page(settings, [Depends(self.guard)], lambda request: f"/login?next={request.url.path}")


@dataclass(frozen=True)
class Copy:
    """A copy of the story to spoil."""

    bench: Workbench
    client: TestClient


@pytest.fixture(scope="package")
def told(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, database = tmp_path_factory.mktemp("told"), f"t{uuid.uuid4().hex}"
    (folder / "work").mkdir()
    execute(postgres_server, f"CREATE DATABASE {database}")
    settings = settings_of(postgres_server, database, folder)
    with contextlib.closing(Ledger.open(settings)) as ledger:
        story = tell(_bench(settings, ledger, folder / "work"))
    # Read over a copy, so that nobody is connected to what further copies are made of.
    execute(postgres_server, f"CREATE DATABASE {database}r TEMPLATE {database}")
    read = settings_of(postgres_server, f"{database}r", folder)
    with contextlib.closing(Ledger.open(read)) as ledger:
        yield Told(database, folder, _bench(read, ledger, folder / "work"), story)
    execute(postgres_server, f"DROP DATABASE {database}r WITH (FORCE)", f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture(scope="package")
def shared_door() -> Door:
    return Door()


@pytest.fixture(scope="package")
def app(told: Told, shared_door: Door) -> Iterator[FastAPI]:
    made = shared_door.pages(told.bench.settings)
    yield made
    made.state.engines.close()


@pytest.fixture
def door(shared_door: Door) -> Iterator[Door]:
    yield shared_door
    shared_door.name, shared_door.closed = "vera", set()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


@pytest.fixture
def bench(told: Told) -> Workbench:
    return told.bench


@pytest.fixture
def story(told: Told) -> Story:
    """The model of `two` that serves."""
    return told.story


@pytest.fixture
def copy(postgres_server: str, told: Told, door: Door, tmp_path: Path) -> Iterator[Copy]:
    database = f"t{uuid.uuid4().hex}"
    shutil.copytree(told.folder, tmp_path, dirs_exist_ok=True)
    execute(postgres_server, f"CREATE DATABASE {database} TEMPLATE {told.database}")
    settings = settings_of(postgres_server, database, tmp_path)
    app = door.pages(settings)
    with contextlib.closing(Ledger.open(settings)) as ledger:
        yield Copy(_bench(settings, ledger, tmp_path / "work"), TestClient(app))
    app.state.engines.close()
    execute(postgres_server, f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The pages behind a real server on this machine, mounted where Airflow mounts them."""
    host = FastAPI()
    host.mount("/assay", app)

    @host.get("/frame")
    def frame() -> HTMLResponse:
        """As Airflow shows an external view, with the same sandbox."""
        inside = 'src="/assay/model/two" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"'
        return HTMLResponse(f'<!doctype html><html class="dark"><body><iframe {inside}></iframe></body></html>')

    server = uvicorn.Server(uvicorn.Config(host, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/assay"
    server.should_exit = True
    thread.join(timeout=20)


def execute(server: str, *statements: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def settings_of(server: str, database: str, folder: Path) -> Settings:
    return Settings(
        home=folder / "home",
        keys=folder / "keys",
        database_url=psycopg.conninfo.make_conninfo(server, dbname=database),
        store_url=(folder / "store").as_uri(),
        triton_repository=folder / "repository",
        mlflow_url="http://127.0.0.1:5000",
    )


def _bench(settings: Settings, ledger: Ledger, workdir: Path) -> Workbench:
    return Workbench(
        settings=settings,
        store=FileStore(Path(settings.store_url.removeprefix("file://"))),
        ledger=ledger,
        keys=KeyRing.open(settings.keys),
        workdir=workdir,
        clock=lambda: datetime.now(UTC),
        say=print,
    )
