"""A real history, as signed: mnist, spam, digits and adult on the embedded stack (see history/README.md)."""

import contextlib
import lzma
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from assay.ledger import Ledger
from assay.lineage.store import LineageStore
from assay.questions.sources import Sources, open_sources
from assay.settings import Settings
from assay.signing import Envelope

HISTORY = Path(__file__).parent / "history"


@pytest.fixture(scope="session")
def history(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database whose ledger holds the recorded envelopes, and of a store with some of their objects."""
    folder = tmp_path_factory.mktemp("history")
    shutil.copytree(HISTORY / "keys", folder / "keys")
    with lzma.open(HISTORY / "store.tar.xz") as packed, tarfile.open(fileobj=packed) as tar:
        tar.extractall(folder / "store", filter="data")
    name = f"history{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    settings = Settings(
        home=folder,
        keys=folder / "keys",
        database_url=SecretStr(psycopg.conninfo.make_conninfo(postgres_server, dbname=name)),
        store_url=(folder / "store").as_uri(),
        api_token=SecretStr("secret"),
    )
    with contextlib.closing(Ledger.open(settings)) as ledger, lzma.open(HISTORY / "envelopes.jsonl.xz") as lines:
        for line in lines:
            ledger.append(Envelope.from_bytes(line.rstrip(b"\n")))
    yield settings
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def sources(history: Settings) -> Iterator[Sources]:
    """The history, opened to be asked."""
    with open_sources(history) as opened:
        yield opened


@pytest.fixture(scope="session")
def lineage(sources: Sources) -> LineageStore:
    return sources.lineage
