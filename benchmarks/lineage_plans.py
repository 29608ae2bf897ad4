"""The plan of every query that a question asks: as PostgreSQL tells it, for the question as it is really asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from assay.lineage.database import Connection, Database
from assay.lineage.store import LineageStore


def plans_of(url: str, question: Callable[[LineageStore], object]) -> list[tuple[str, str]]:
    """(query, plan) of each query that `question` asks of the store at `url`, in order."""
    with _explained(url) as (store, plans):
        question(store)
        return plans


@contextmanager
def _explained(url: str) -> Iterator[tuple[LineageStore, list[tuple[str, str]]]]:
    plans: list[tuple[str, str]] = []

    class ExplainedCursor(psycopg.Cursor[Any]):
        """Asks for the plan of each query before it asks the query."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> "ExplainedCursor":
            text = query.decode() if isinstance(query, bytes) else query
            if text.lstrip().startswith(("SELECT", "WITH")):
                rows = super().execute(f"EXPLAIN (ANALYZE, BUFFERS) {text}".encode(), params).fetchall()
                plans.append((text, "\n".join(row[0] for row in rows)))
            super().execute(query, params, **options)
            return self

    with ConnectionPool[Connection](url, min_size=1, max_size=1, kwargs={"cursor_factory": ExplainedCursor}) as pool:
        yield LineageStore(Database(pool)), plans
