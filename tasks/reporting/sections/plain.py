"""Any facts at all: what a later examination measures is told before this package knows it."""

from collections.abc import Mapping, Sequence

from tasks.reporting.blocks import Block, Cell, Digest, Part, Points, Several, Table, Terms, Told, Words
from tasks.reporting.fact import Fact
from tasks.screening.shown_rows import clean

_MOST_ROWS = 60
_MOST_COLUMNS = 8
_MOST_DEEP = 5
_MOST_LISTED = 24
_MOST_TOGETHER = 8
_SHORT = 40
_LABELS = ("name", "kind", "group", "class", "label", "input", "column", "feature", "word")


def plain_blocks(facts: Fact, without: frozenset[str] = frozenset(), depth: int = 0) -> tuple[Block, ...]:
    """Everything below `facts` but the pointers in `without`: single values first, then what holds others."""
    if depth > _MOST_DEEP:
        return (Words((f"deeper values are in the page's data under {facts.pointer}",), is_soft=True),)
    named = facts.items() or [(_name(fact, place), fact) for place, fact in enumerate(facts.each())]
    left = [(words_of(name), fact) for name, fact in named if not _is_told(fact, without)]
    single = [row for name, fact in left for row in _terms(name, fact, without)]
    blocks: list[Block] = [Terms(tuple(single[:_MOST_ROWS]))] if single else []
    if len(single) > _MOST_ROWS:
        blocks.append(Words((f"{len(single) - _MOST_ROWS} more are in the page's data under {facts.pointer}",), True))
    for name, fact in [(name, fact) for name, fact in left if not _terms(name, fact, without)][:_MOST_ROWS]:
        blocks += _holder(name, fact, without, depth)
    return tuple(blocks)


def words_of(name: str) -> str:
    """`robust_accuracy_onnx` as people write it."""
    return clean(name.replace("_", " "), 80)


def _name(fact: Fact, place: int) -> str:
    """Of an entry of a list: what it calls itself, else its number."""
    called = next((fact.at(key).text for key in ("name", "norm", "column") if fact.at(key).text), "")
    return f"{place + 1}. {clean(called, 60)}" if called else str(place + 1)


def _terms(name: str, fact: Fact, without: frozenset[str]) -> list[tuple[str, Cell]]:
    """A single value, or a few of one record under its name; none of what needs blocks of its own."""
    cell = _cell(fact)
    if cell is not None:
        return [(name, cell)]
    below = [(key, one, _cell(one)) for key, one in fact.items() if not _is_told(one, without)]
    if len(below) > _MOST_TOGETHER:
        return []
    rows = [(f"{name}: {words_of(key)}", one) for key, _, one in below if one is not None]
    return rows if len(rows) == len(below) else []


def _is_told(fact: Fact, without: frozenset[str]) -> bool:
    """Whether all of it is shown elsewhere, where anything is; a drawn list counts as a whole, an empty one as told."""
    if fact.pointer in without or (without and isinstance(fact.value, Mapping | list) and not fact.value):
        return True
    return all(leaf.pointer in without for leaf in fact.leaves())


def _cell(fact: Fact) -> Cell | None:
    """A single value, or a short list of them; None for what needs blocks of its own."""
    if isinstance(fact.value, str) and len(fact.value) == 64 and not fact.value.strip("0123456789abcdef"):
        return Digest(fact)
    items = fact.each()
    if items and all(_is_short(one) for one in items) and len(items) <= _MOST_LISTED:
        return Several(tuple(Told(one) for one in items))
    return None if fact.items() or items else Told(fact)


def _is_short(fact: Fact) -> bool:
    return not fact.items() and not fact.each() and len(fact.text) <= _SHORT


def _holder(title: str, fact: Fact, without: frozenset[str], depth: int) -> list[Block]:
    """A table where it is flat records, by place or by name; else a part of its own."""
    listed = fact.each()
    if listed and all(one.text for one in listed):
        return [Part(title, (Points(tuple((Told(one),) for one in listed[:_MOST_ROWS])),))]
    records = fact.items() or [("", one) for one in fact.each()]
    columns = _columns([one for _, one in records])
    if columns:
        label = next((name for name in _LABELS if name in columns), columns[0]) if fact.each() else ""
        told = [one for one in columns if all(_is_told(record.at(one), without) for _, record in records)]
        return [_table(title, records, label, [one for one in columns if one not in (label, *told)])]
    blocks = plain_blocks(fact, without, depth + 1)
    return [Part(title, blocks)] if blocks else []


def _columns(rows: Sequence[Fact]) -> tuple[str, ...]:
    """Of flat records; none of anything else."""
    names = tuple(dict.fromkeys(name for row in rows for name, _ in row.items()))
    flat = all(row.items() and all(_cell(fact) is not None for _, fact in row.items()) for row in rows)
    return names if len(rows) > 1 and flat and len(names) <= _MOST_COLUMNS else ()


def _table(title: str, records: Sequence[tuple[str, Fact]], label: str, columns: Sequence[str]) -> Table:
    """label: the column that names the row; without one the record's own name does."""
    rows = tuple(
        (_shown(record, label) if label else words_of(name), *(_shown(record, one) for one in columns))
        for name, record in records[:_MOST_ROWS]
    )
    cut = f" (the first {_MOST_ROWS} of {len(records)}; all are in the page's data)" if len(records) > len(rows) else ""
    return Table(title + cut, (words_of(label) or "name", *(words_of(one) for one in columns)), rows)


def _shown(record: Fact, key: str) -> Cell:
    return _cell(record.at(key)) or "–"
