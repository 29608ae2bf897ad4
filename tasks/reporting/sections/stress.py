"""How fast the served file is, what memory it takes, and what it does with odd and broken inputs."""

from collections.abc import Sequence

from tasks.reporting.blocks import Block, Cell, Drawing, Table, Told
from tasks.reporting.curves import Line, axis_of, draw
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of
from tasks.reporting.sections.records import Column, record_table

_TIMES = (("p50_ms", "half within"), ("p95_ms", "95 of 100 within"), ("p99_ms", "99 of 100 within"))
_SPEED = (
    Column("batch", "rows at once"),
    Column("p50_ms", "half within, ms"),
    Column("p95_ms", "95 of 100 within, ms"),
    Column("p99_ms", "99 of 100 within, ms"),
    Column("rows_per_second", "rows a second"),
    Column("memory_mb", "memory, MB"),
)
_OUTCOMES = {
    "values": "Odd values",
    "shapes": "Other shapes and types",
    "alike": "Largest difference where answers must be alike",
    "canaries": "Models broken on purpose: was the fault seen?",
}


def stress_blocks(facts: Fact) -> tuple[Block, ...]:
    """Time and memory by batch size, then what each odd input came to."""
    speed = facts.at("speed").each()
    tables = (_outcomes(words, facts.at(name)) for name, words in _OUTCOMES.items() if facts.at(name).items())
    return (*_times(speed), *record_table("Time of an answer", speed, _SPEED), *tables)


def stress_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    speed = facts.at("speed").each()
    tried = sum(len(facts.at(name).items()) for name in ("values", "shapes"))
    odd = (f"{tried} odd, extreme and broken inputs were tried",)
    if not speed or speed[0].at("p99_ms").number is None:
        return (*odd, ".")
    first = min(speed, key=lambda row: row.at("batch").number or 0.0)
    rows, time = Told(first.at("batch")), Told(first.at("p99_ms"), unit="ms")
    return (*odd, "; 99 of 100 questions of ", rows, " row are answered within ", time, ".")


def _times(speed: Sequence[Fact]) -> list[Block]:
    if len(speed) < 2:
        return []
    lines = [
        Line(words, tuple((row.at("batch").number or 1.0, row.at(key).number or 0.0) for row in speed))
        for key, words in _TIMES
        if all((row.at(key).number or 0.0) > 0 for row in speed)
    ]
    if not lines:
        return []
    across = axis_of("rows at once", [at for line in lines for at, _ in line.points], is_log=True)
    up = axis_of("milliseconds", [value for line in lines for _, value in line.points], is_log=True)
    return [Drawing(draw("Time of an answer by rows at once", lines, across, up), "Time of an answer by rows at once.")]


def _outcomes(words: str, found: Fact) -> Table:
    return Table(words, ("input", "what came of it"), tuple((words_of(name), Told(one)) for name, one in found.items()))
