"""PostgreSQL for lineage: one pool, one schema, foreign errors wrapped once here."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from assay.digests import sha256_bytes
from assay.errors import EngineUnavailable, SpecError
from assay.lineage.tables import CREATE_TABLES
from assay.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]

_WAIT_SECONDS = 5
# No question runs for ever, and none is worth compiling: walks are many small look-ups.
_OPTIONS = "-c statement_timeout=60s -c jit=off"
_SCHEMA_LOCK = 0x6C696E65  # advisory lock: two processes never create the tables at the same time


class Database:
    """A pool of connections that heals itself after the server was away."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool

    @classmethod
    def open(cls, settings: Settings) -> "Database":
        """Connect and create what is absent. Raises SpecError without a URL, EngineUnavailable without a server."""
        url = settings.database_url.get_secret_value()
        if not url:
            raise SpecError(
                "ASSAY_DATABASE_URL: expected a PostgreSQL URI, found none; start the embedded stack with "
                "`assay up` or set the variable"
            )
        with _database_errors(), psycopg.connect(url, connect_timeout=_WAIT_SECONDS) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            _make_schema(connection)
        pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=0,
            max_size=4,
            open=True,
            timeout=_WAIT_SECONDS,
            check=ConnectionPool.check_connection,
            kwargs={"connect_timeout": _WAIT_SECONDS, "options": _OPTIONS},
        )
        return cls(pool)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All that happens in the block, or nothing."""
        with _database_errors(), self._pool.connection() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()


def _make_schema(connection: Connection) -> None:
    """Only when it is not the one we know: to look whether an index exists would wait for every writer."""
    known = sha256_bytes(CREATE_TABLES.encode())
    row = connection.execute("SELECT obj_description(to_regnamespace('assay_lineage'), 'pg_namespace')").fetchone()
    if row is None or row[0] != known:
        connection.execute(CREATE_TABLES)
        connection.execute(f"COMMENT ON SCHEMA assay_lineage IS '{known}'".encode())


@contextlib.contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as error:
        reason = str(error).strip().replace("\n", " ")
        raise EngineUnavailable(f"PostgreSQL: {reason}; is it up? `assay status` tells") from error
