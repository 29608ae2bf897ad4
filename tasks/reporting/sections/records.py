"""A list of records as one table: the columns we have words for first, then whatever else they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reporting.blocks import Cell, Strip, Table, Told
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of

_MOST_ROWS = 60


@dataclass(frozen=True)
class Column:
    """key: of a record. words: the heading. unit: behind the number."""

    key: str
    words: str
    as_share: bool = False
    unit: str = ""


def record_table(
    caption: str, rows: Sequence[Fact], columns: Sequence[Column], strip: str = "", hidden: Sequence[str] = ()
) -> tuple[Table, ...]:
    """strip: key of a share that is also drawn. hidden: keys that are shown elsewhere. No table without rows."""
    if not rows:
        return ()
    known = [column for column in columns if any(row.at(column.key).is_there for row in rows)]
    left_out = {*hidden, *(column.key for column in columns)}
    others = tuple(dict.fromkeys(key for row in rows for key, fact in row.items() if key not in left_out))
    wanted = [*known, *(Column(key, words_of(key)) for key in others if _is_single(rows, key))]
    head = (*(column.words for column in wanted), *(("0 to 100 %",) if strip else ()))
    cells = tuple(
        (*_cells(row, wanted), *((Strip(row.at(strip).number),) if strip else ())) for row in rows[:_MOST_ROWS]
    )
    cut = f" (the first {_MOST_ROWS} of {len(rows)}; all are in the page's data)" if len(rows) > _MOST_ROWS else ""
    return (Table(caption + cut, head, cells),)


def _cells(row: Fact, columns: Sequence[Column]) -> list[Cell]:
    return [Told(row.at(column.key), column.as_share, column.unit) for column in columns]


def _is_single(rows: Sequence[Fact], key: str) -> bool:
    return all(not row.at(key).items() and not row.at(key).each() for row in rows)
