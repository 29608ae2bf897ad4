"""Which inputs the answers rest on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.reporting.blocks import Block, Cell, Gallery, Picture, Strip, Table, Told
from tasks.reporting.fact import Fact
from tasks.screening.pictures import thumbnail
from tasks.screening.shown_rows import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMES = ("feature", "name", "word", "token", "column", "input")
_VALUES = ("attribution", "importance", "weight", "share", "mean", "value")
_MOST_SHOWN = 20


def explanations_blocks(facts: Fact) -> tuple[Block, ...]:
    """Lists of named weights as bars, maps of numbers as pictures."""
    blocks: list[Block] = []
    for name, fact in facts.items():
        words = clean(name.replace("_", " "), 60).capitalize()
        if ranked := _ranked(fact):
            blocks.append(_bars(words, ranked))
        elif (map_ := _map(fact)) is not None:
            images = ((words, thumbnail(map_.ravel(), map_.shape, float(map_.min()), float(map_.max()))),)
            caption = f"from {map_.min():.3g}, black, to {map_.max():.3g}, white"
            blocks.append(Gallery((Picture(images, caption),), fact))
    return tuple(blocks)


def explanations_headline(facts: Fact) -> tuple[Cell, ...]:
    """What the answers rest on most, in one sentence."""
    for _, fact in facts.items():
        if ranked := _ranked(fact):
            return (f"Answers rest most on {', '.join(Told(name).text for name, _ in ranked[:3])}.",)
    return ("What the answers rest on was looked at; see the section.",)


def _ranked(fact: Fact) -> list[tuple[Fact, Fact]]:
    """(name, weight) of a list of records or of a mapping of numbers, the heaviest first."""
    rows = fact.each()
    pairs = [
        (name, value)
        for row in rows
        if (name := _first(row, _NAMES)) is not None and (value := _first(row, _VALUES)) is not None
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[1].number or 0.0))


def _first(row: Fact, keys: Sequence[str]) -> Fact | None:
    return next((row.at(key) for key in keys if row.at(key).is_there), None)


def _bars(words: str, ranked: list[tuple[Fact, Fact]]) -> Table:
    widest = max(abs(value.number or 0.0) for _, value in ranked) or 1.0
    rows: list[tuple[Cell, ...]] = [
        (Told(name), Told(value), Strip(abs(value.number or 0.0) / widest)) for name, value in ranked[:_MOST_SHOWN]
    ]
    cut = f" (the {_MOST_SHOWN} heaviest of {len(ranked)})" if len(ranked) > _MOST_SHOWN else ""
    return Table(words + cut, ("input", "weight", "against the heaviest"), tuple(rows))


def _map(fact: Fact) -> "NDArray[np.float32] | None":
    """A matrix of numbers of at least four by four, or None."""
    import numpy as np

    rows = fact.each()
    if len(rows) < 4 or len({len(row.each()) for row in rows}) != 1 or len(rows[0].each()) < 4:
        return None
    numbers = [[cell.number for cell in row.each()] for row in rows]
    if any(number is None for line in numbers for number in line):
        return None
    return np.array(numbers, dtype=np.float32)
