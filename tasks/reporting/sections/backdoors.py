"""Triggers that make any row one class: a class that needs far less than the others is suspect."""

from tasks.reporting.blocks import Block, Cell, Table
from tasks.reporting.fact import Fact
from tasks.reporting.sections.records import Column, record_table

_CLASS = (
    Column("class", "class"),
    Column("label", "class"),
    Column("target", "class"),
    Column("size", "smallest trigger"),
    Column("trigger_size", "smallest trigger"),
    Column("anomaly", "anomaly"),
    Column("success", "rows it turns", as_share=True),
    Column("suspect", "suspect"),
)


def backdoors_blocks(facts: Fact) -> tuple[Block, ...]:
    """One row a class."""
    return tuple(table for rows in _records(facts) for table in _table(rows))


def backdoors_headline(facts: Fact) -> tuple[Cell, ...]:
    """Which classes are suspect, in one sentence."""
    rows = [row for records in _records(facts) for row in records]
    if not rows:
        return ("Triggers were sought; see the section.",)
    named = [row for row in rows if any(row.at(key).value is True for key in ("suspect", "is_suspect", "accused"))]
    words = f"{len(named)} of {len(rows)} classes" if named else f"None of {len(rows)} classes"
    return (f"{words} can be reached by a trigger much smaller than the others need.",)


def _records(facts: Fact) -> list[list[Fact]]:
    """Lists of records by class, under whatever name."""
    return [fact.each() for _, fact in facts.items() if fact.each() and fact.each()[0].items()]


def _table(rows: list[Fact]) -> tuple[Table, ...]:
    return record_table("Smallest trigger found for each class", rows, _CLASS)
