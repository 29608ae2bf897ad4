"""Which inputs the answers rest on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.reporting.blocks import Block, Cell, Gallery, Part, Picture, Strip, Table, Told, Words, interval
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of
from tasks.screening.pictures import thumbnail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMES = ("feature", "word", "input", "name", "column")
_VALUES = ("importance", "weight", "attribution", "share")
_MOST_SHOWN = 20
_SMALLEST_MAP = 4


def explanations_blocks(facts: Fact) -> tuple[Block, ...]:
    """Lists of named weights as bars, maps as pictures; of each class where they are by class."""
    blocks: list[Block] = []
    told = facts.at("concentration")
    if told.at("input").is_there:
        note = (": ", Told(told.at("note"))) if told.at("note").text else (".",)
        blocks.append(Words(("Most on ", Told(told.at("input")), ": ", Told(told.at("share"), as_share=True), *note)))
    for name, fact in facts.items():
        blocks += _of(words_of(name), fact)
        if fact.items():
            blocks += _by_class(words_of(name), fact)
    return tuple(blocks)


def explanations_headline(facts: Fact) -> tuple[Cell, ...]:
    """What the answers rest on most, in one sentence."""
    most = facts.at("concentration")
    if most.at("input").is_there:
        share = Told(most.at("share"), as_share=True)
        return ("Answers rest most on ", Told(most.at("input")), ": ", share, " of all that counts.")
    return ("What the answers rest on was looked at; see the section.",)


def _of(words: str, fact: Fact) -> list[Block]:
    """One list of weights, or one map; nothing for anything else."""
    if ranked := _ranked(fact):
        return [_bars(words.capitalize(), ranked)]
    found = _map(fact)
    return [] if found is None else [Gallery((_picture(words, found),), fact)]


def _by_class(words: str, fact: Fact) -> list[Block]:
    maps = [(name, found) for name, one in fact.items() if (found := _map(one)) is not None]
    if maps and len(maps) == len(fact.items()):
        return [Gallery(tuple(_picture(f"class {name}", found) for name, found in maps), fact)]
    lists = [(name, ranked) for name, one in fact.items() if (ranked := _ranked(one))]
    return [Part(f"{words} of class {name}", (_bars("The heaviest first", ranked),)) for name, ranked in lists]


def _ranked(fact: Fact) -> list[tuple[Fact, Fact, Fact]]:
    """(name, weight, interval) of a list of records, the heaviest first."""
    rows = [
        (name, value, row.at("interval"))
        for row in fact.each()
        if (name := _first(row, _NAMES)) is not None and (value := _first(row, _VALUES)) is not None
    ]
    return sorted(rows, key=lambda row: -abs(row[1].number or 0.0))


def _first(row: Fact, keys: Sequence[str]) -> Fact | None:
    return next((row.at(key) for key in keys if row.at(key).is_there), None)


def _bars(words: str, ranked: list[tuple[Fact, Fact, Fact]]) -> Table:
    widest = max(abs(value.number or 0.0) for _, value, _ in ranked) or 1.0
    rows: list[tuple[Cell, ...]] = [
        (Told(name), Told(value), interval(span.at(0), span.at(1), False), Strip(abs(value.number or 0.0) / widest))
        for name, value, span in ranked[:_MOST_SHOWN]
    ]
    cut = f" (the {_MOST_SHOWN} heaviest of {len(ranked)})" if len(ranked) > _MOST_SHOWN else ""
    return Table(words + cut, ("input", "weight", "95 % interval", "against the heaviest"), tuple(rows))


def _picture(words: str, found: "NDArray[np.float32]") -> Picture:
    low, high = float(found.min()), float(found.max())
    return Picture(
        ((words, thumbnail(found.ravel(), found.shape, low, high)),), f"{low:.3g} is black, {high:.3g} white"
    )


def _map(fact: Fact) -> "NDArray[np.float32] | None":
    """A matrix of numbers of at least four by four, or None."""
    import numpy as np

    rows = [row.each() for row in fact.each()]
    widths = {len(row) for row in rows}
    if len(rows) < _SMALLEST_MAP or len(widths) != 1 or widths.pop() < _SMALLEST_MAP:
        return None
    numbers = [[cell.number for cell in row] for row in rows]
    if any(number is None for line in numbers for number in line):
        return None
    return np.array(numbers, dtype=np.float32)
