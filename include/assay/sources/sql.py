"""The rows of one query, streamed from any SQLAlchemy database into a Parquet file.

The query should order its rows: a database owes no order, and another order is another version.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import SourceUnreachable, SpecError
from assay.sources.landing import FetchedSource, Landing
from assay.spec import SqlSource

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

_ROWS_PER_BATCH = 4096


def fetch_sql(source: SqlSource, landing: Landing, number: int) -> FetchedSource:
    """Run the query on the database whose URL stands in the environment; `query-NUMBER.parquet` holds its rows.

    Raises SpecError when the variable is not set, the query is refused or a column changes its type on the way,
    SourceUnreachable when the database does not answer.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    name, uri = f"query-{number}.parquet", f"sql:{source.connection}"
    with _connect(source.connection) as connection:
        try:
            rows = connection.execution_options(stream_results=True).execute(text(source.query))
            _write(rows, landing.place(name), source.connection)
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise SpecError(f"sql: {source.connection} refuses the query: {cause}; mend `query`") from error
    return FetchedSource(uri, (landing.landed(name, uri),), landing.at)


def _connect(variable: str) -> "Connection":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, DBAPIError

    url = os.environ.get(variable, "")
    if not url:
        raise SpecError(f"sql: {variable} is not set; put the SQLAlchemy URL of the database into it")
    try:
        return create_engine(url).connect()
    except (ArgumentError, ImportError) as error:
        raise SpecError(f"sql: {variable}: expected a SQLAlchemy URL with an installed driver: {error}") from error
    except DBAPIError as error:
        raise SourceUnreachable(f"sql: the database of {variable}: {error.orig}; is it up?") from error


def _write(result: Any, path: Path, connection: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(result.keys())
    writer: pq.ParquetWriter | None = None
    schema: pa.Schema | None = None
    try:
        for rows in result.partitions(_ROWS_PER_BATCH):
            table = _table(columns, rows, schema, connection)
            if writer is None:
                schema = table.schema
                writer = pq.ParquetWriter(path, schema)
            writer.write_table(table)
        if writer is None:
            raise SpecError(f"sql: the query on {connection} finds no rows; mend `query`")
    finally:
        if writer is not None:
            writer.close()


def _table(columns: list[str], rows: Any, schema: "pa.Schema | None", connection: str) -> "pa.Table":
    import pyarrow as pa

    values = {name: [_plain(row[position]) for row in rows] for position, name in enumerate(columns)}
    try:
        return pa.Table.from_pydict(values, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpecError(f"sql: the query on {connection}: {error}; CAST the column to one type") from error


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
