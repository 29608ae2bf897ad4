"""What a page is made of: words, tables, drawings and pictures; every number in them is a fact with its source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, TypeAlias

from markupsafe import Markup

from assay.records import Verdict
from tasks.reporting.fact import Fact
from tasks.screening.shown_rows import clean

_LONGEST = 1200
_NARROW = "\u202f"
_MOST_DIGITS = 4
VERDICT_WORDS = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.NOT_CHECKED: "not checked"}
VERDICT_HUES = {Verdict.PASSED: "good", Verdict.FAILED: "bad", Verdict.NOT_CHECKED: "unsure"}


@dataclass(frozen=True)
class Told:
    """A fact in a sentence or a cell. as_share: a number in [0, 1] shown in per cent."""

    kind: ClassVar[str] = "told"
    fact: Fact
    as_share: bool = False
    unit: str = ""

    @property
    def is_number(self) -> bool:
        return self.fact.number is not None

    @property
    def text(self) -> str:
        value, number = self.fact.value, self.fact.number
        if number is None:
            return _in_words(self.fact)
        shown = _share(number) if self.as_share else _plain(number, isinstance(value, int))
        return f"{shown} {self.unit}" if self.unit else shown


@dataclass(frozen=True)
class Span:
    """An interval: `low to high`."""

    kind: ClassVar[str] = "span"
    low: Told
    high: Told


@dataclass(frozen=True)
class Several:
    """A short list of facts."""

    kind: ClassVar[str] = "several"
    facts: tuple[Told, ...]


@dataclass(frozen=True)
class Strip:
    """A bar or a point with its interval, on a scale from 0 to 1. bound: a mark; all in [0, 1]."""

    kind: ClassVar[str] = "strip"
    value: float | None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    is_odd: bool = False


@dataclass(frozen=True)
class Heat:
    """A number on a ground as dark as its `share` in [0, 1]. is_right: on a matrix's diagonal."""

    kind: ClassVar[str] = "heat"
    told: Told
    share: float
    is_right: bool = False


@dataclass(frozen=True)
class Mark:
    """A verdict."""

    kind: ClassVar[str] = "mark"
    verdict: Verdict

    @property
    def words(self) -> str:
        return VERDICT_WORDS[self.verdict]

    @property
    def hue(self) -> str:
        return VERDICT_HUES[self.verdict]


@dataclass(frozen=True)
class Digest:
    """A sha256, whole for whoever copies it."""

    kind: ClassVar[str] = "digest"
    fact: Fact


Cell: TypeAlias = str | Told | Span | Several | Strip | Heat | Mark | Digest


@dataclass(frozen=True)
class Words:
    """A paragraph of texts and facts."""

    kind: ClassVar[str] = "words"
    cells: tuple[Cell, ...]
    is_soft: bool = False


@dataclass(frozen=True)
class Points:
    """A list of short sentences."""

    kind: ClassVar[str] = "points"
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """head: one word a column; the first column names the row. is_matrix: cells are square and close.

    shows: facts that it shows as a whole, though not each part by itself.
    """

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_matrix: bool = False
    shows: tuple[Fact, ...] = ()

    @property
    def numeric(self) -> frozenset[int]:
        """Places of the columns, after the first, that hold numbers."""
        return frozenset(at for row in self.rows for at, cell in enumerate(row) if at and _is_number(cell))


@dataclass(frozen=True)
class Terms:
    """Names and what is said under them."""

    kind: ClassVar[str] = "terms"
    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Drawing:
    """Our own SVG, with nothing in it that is not escaped. shows: the facts that were drawn."""

    kind: ClassVar[str] = "drawing"
    svg: Markup
    caption: str
    shows: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Picture:
    """images: (what it is, data URI)."""

    images: tuple[tuple[str, str], ...]
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side. source: the fact that names the file they came from."""

    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...]
    source: Fact


@dataclass(frozen=True)
class Rewrite:
    """A text before and after; each piece with whether it was changed."""

    before: tuple[tuple[str, bool], ...]
    after: tuple[tuple[str, bool], ...]
    caption: str


@dataclass(frozen=True)
class Rewrites:
    """Texts that an attacker rewrote. shows: the facts that they are."""

    kind: ClassVar[str] = "rewrites"
    rows: tuple[Rewrite, ...]
    shows: tuple[Fact, ...]


@dataclass(frozen=True)
class Part:
    """Blocks under a heading of their own."""

    kind: ClassVar[str] = "part"
    title: str
    blocks: "tuple[Block, ...]"


Block: TypeAlias = Words | Points | Table | Terms | Drawing | Gallery | Rewrites | Part


@dataclass(frozen=True)
class Section:
    """One chapter. question: what it answers, in plain words."""

    anchor: str
    title: str
    question: str
    blocks: tuple[Block, ...]


def shown(blocks: Iterable[object]) -> Iterator[Fact]:
    """Every fact in the blocks, wherever it is."""
    for one in blocks:
        if isinstance(one, Fact):
            yield one
        elif is_dataclass(one):
            yield from shown(getattr(one, field.name) for field in fields(one))
        elif isinstance(one, tuple):
            yield from shown(one)


def interval(low: Fact, high: Fact, as_share: bool = True) -> Cell:
    """The 95 % interval, or that there is none."""
    if low.number is None or high.number is None:
        return "–"
    return Span(Told(low, as_share), Told(high, as_share))


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Span) or (isinstance(cell, Told) and cell.is_number)


def _in_words(fact: Fact) -> str:
    if fact.value is None:
        return "–"
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    if isinstance(fact.value, str):
        return clean(fact.value, _LONGEST) or "–"
    return "none" if not fact.value else f"{len(fact.value)} entries"  # type: ignore[arg-type]  # a container


def _share(number: float) -> str:
    """One digit behind the point; more where they would round to nothing or to all."""
    digits = 1 if abs(number) >= 0.01 or number == 0 else 2
    while digits < _MOST_DIGITS and abs(number) != 1 and f"{100 * abs(number):.{digits}f}".startswith("100"):
        digits += 1
    return f"{100 * number:.{digits}f}{_NARROW}%"


def _plain(number: float, is_whole: bool) -> str:
    if is_whole or (number.is_integer() and abs(number) < 1e15):
        return f"{number:,.0f}".replace(",", _NARROW)
    return f"{number:.4g}"
