"""How fast the served file is, what memory it takes, and what it does with odd and broken inputs."""

from tasks.reporting.blocks import Block, Cell, Drawing, Told
from tasks.reporting.curves import Line, axis_of, draw
from tasks.reporting.fact import Fact
from tasks.reporting.sections.records import Column, record_table

_P50 = ("p50_ms", "p50_milliseconds", "p50", "p50_seconds")
_P99 = ("p99_ms", "p99_milliseconds", "p99", "p99_seconds")
_SIZE = ("batch_size", "batch", "rows")
_LATENCY = (*(Column(key, "rows at once") for key in _SIZE), Column("p50_ms", "p50, ms"), Column("p99_ms", "p99, ms"))
_INPUT = (Column("name", "input"), Column("input", "input"), Column("outcome", "outcome"), Column("answer", "answer"))


def stress_blocks(facts: Fact) -> tuple[Block, ...]:
    """Latency by batch size as a plot, then every list of records as a table."""
    blocks: list[Block] = []
    for name, fact in facts.items():
        rows = fact.each()
        if not rows or not rows[0].items():
            continue
        if _key(rows, _SIZE) and _key(rows, _P50):
            blocks += [*_latency(rows), *record_table("Time for one question", rows, _LATENCY)]
        else:
            blocks += record_table(name.replace("_", " ").capitalize(), rows, _INPUT)
    return tuple(blocks)


def stress_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    for _, fact in facts.items():
        rows = fact.each()
        size, key = _key(rows, _SIZE), _key(rows, _P50)
        if size and key:
            first = min(rows, key=lambda row: row.at(size).number or 0.0)
            unit = "s" if key.endswith("seconds") and not key.endswith("milliseconds") else "ms"
            return ("Half of single questions are answered within ", Told(first.at(key), unit=unit), ".")
    return ("Odd, extreme and broken inputs were tried; see the section.",)


def _key(rows: list[Fact], keys: tuple[str, ...]) -> str:
    """Which of `keys` the records have, or ""."""
    return next((key for key in keys if rows and rows[0].at(key).number is not None), "")


def _latency(rows: list[Fact]) -> list[Block]:
    size = _key(rows, _SIZE)
    lines = tuple(
        Line(words, tuple((row.at(size).number or 1.0, row.at(key).number or 0.0) for row in rows))
        for words, keys in (("half within", _P50), ("99 of 100 within", _P99))
        if (key := _key(rows, keys))
    )
    across = axis_of("rows at once", [at for line in lines for at, _ in line.points], is_log=True)
    unit = "s" if _key(rows, _P50).endswith("p50_seconds") else "ms"
    up = axis_of(f"time, {unit}", [value for line in lines for _, value in line.points], is_log=True)
    return [Drawing(draw("Time of an answer by rows at once", lines, across, up), "Time of an answer by rows at once.")]
