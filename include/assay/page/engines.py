"""What the pages read from: lineage as the ledger has it now, and the ledger over connections that cannot write."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from psycopg_pool import ConnectionPool

from assay.errors import SpecError
from assay.ledger import Ledger
from assay.lineage.database import Connection, Database
from assay.lineage.store import LineageStore
from assay.page.catch_up import CatchUp
from assay.settings import Settings
from assay.signing import KeyRing

_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=20s -c jit=off"
_WAIT_SECONDS = 5


class Engines:
    """Opened when first needed, so that the page can start before PostgreSQL; kept once open."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._lineage: LineageStore | None = None
        self._ledger: Database | None = None
        self._keys: KeyRing | None = None
        self._catch_up = CatchUp()

    def now(self) -> datetime:
        """The moment that ages are counted from."""
        return datetime.now(UTC)

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, with the public keys alone; nothing can be appended through it.

        Raises SpecError while no step has ever run, EngineUnavailable without PostgreSQL.
        """
        with self._ledger_database().transaction() as connection:
            if connection.execute("SELECT to_regclass('assay_ledger.checkpoints')").fetchone() == (None,):
                raise SpecError("the ledger: expected statements, found none yet; run a pipeline: `assay run NAME`")
            yield Ledger(connection, self._public_keys(), self.settings.keys / "checkpoint")

    def lineage(self) -> LineageStore:
        """The lineage store after it read what the ledger has gained, or while it reads. Raises IntegrityError."""
        store = self._lineage_store()
        self._catch_up.catch_up(store, self.ledger)
        return store

    def is_catching_up(self) -> bool:
        """Whether lineage is behind the ledger: what serves may then be older than what is signed."""
        return self._catch_up.is_behind

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            for opened in (self._lineage, self._ledger):
                if opened is not None:
                    opened.close()
            self._lineage = self._ledger = None

    def _public_keys(self) -> KeyRing:
        with self._lock:
            self._keys = self._keys or KeyRing.open_public(self.settings.keys)
            return self._keys

    def _lineage_store(self) -> LineageStore:
        with self._lock:
            self._lineage = self._lineage or LineageStore.open(self.settings)
            return self._lineage

    def _ledger_database(self) -> Database:
        self._lineage_store()  # says in words when no database is configured
        with self._lock:
            self._ledger = self._ledger or Database(_read_only_pool(self.settings))
            return self._ledger


def _read_only_pool(settings: Settings) -> ConnectionPool[Connection]:
    return ConnectionPool(
        settings.database_url.get_secret_value(),
        min_size=0,
        max_size=4,
        open=True,
        timeout=_WAIT_SECONDS,
        check=ConnectionPool.check_connection,
        # Each statement by itself, so that a snapshot can begin a transaction of its own.
        kwargs={"connect_timeout": _WAIT_SECONDS, "options": _OPTIONS, "autocommit": True},
    )
