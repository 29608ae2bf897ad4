"""Lines over two axes as SVG that follows the page's colours; nothing in it that is not escaped."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 24, 34, 44
_MOST_TOLD = 24
_LETTER = 6.8  # width of one at the size of the page's SVG texts


@dataclass(frozen=True)
class Line:
    """points: (x, y), in the order they are joined. is_faint: a line to compare with, dashed, without dots."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_faint: bool = False


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`; of a logarithmic one both are above 0. as_share: its numbers are shown in per cent."""

    label: str
    low: float
    high: float
    is_log: bool = False
    as_share: bool = False

    def place(self, value: float) -> float:
        """In [0, 1]; what lies outside is shown at the edge."""
        low, high, value = (math.log10(max(n, 1e-12)) if self.is_log else n for n in (self.low, self.high, value))
        return min(max((value - low) / ((high - low) or 1.0), 0.0), 1.0)

    def ticks(self) -> list[float]:
        if self.is_log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        step = _nice((self.high - self.low) / 5)
        count = math.floor((self.high - self.low) / step + 1e-9)
        return [self.low + step * number for number in range(count + 1)]

    def words(self, value: float) -> str:
        return f"{100 * value:.4g} %" if self.as_share else f"{value:.4g}"


def shares(label: str) -> Axis:
    """From 0 to 100 %."""
    return Axis(label, 0.0, 1.0, as_share=True)


def axis_of(label: str, values: Sequence[float], is_log: bool = False) -> Axis:
    """Just wide enough; from 0 unless logarithmic."""
    known = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)] or [1.0]
    if is_log:
        return Axis(label, min(known), max(*known, min(known) * 10), is_log=True)
    return Axis(label, min(0.0, *known), max(*known, 1e-9) if len(known) > 1 else known[0] or 1.0)


def draw(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> Markup:
    """An image with its title and, for those who cannot see it, its points in words."""
    body = [*_grid(x, y)]
    for number, line in enumerate(sorted(lines, key=lambda line: line.is_faint)):
        body += _line(line, number, x, y)
    legend, higher = _legend(sorted(lines, key=lambda line: line.is_faint)) if len(lines) > 1 else ([], 0)
    body += legend
    return Markup('<svg class="curve" viewBox="0 {} {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
        -higher,
        _WIDTH,
        _HEIGHT + higher,
        title,
        Markup("<title>{}</title>").format(title),
        Markup("<desc>{}</desc>").format("; ".join(_in_words(line, x, y) for line in lines)),
        Markup("").join(body),
    )


def _grid(x: Axis, y: Axis) -> list[Markup]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    made = []
    for tick in y.ticks():
        at = f"{_down(y, tick):.1f}"
        made.append(Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, right, at, at))
        made.append(_text(_LEFT - 7, f"{_down(y, tick) + 4:.1f}", y.words(tick), "end"))
    for tick in x.ticks():
        made.append(_text(f"{_across(x, tick):.1f}", bottom + 18, x.words(tick), "middle"))
    made.append(Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, right, bottom, bottom))
    made.append(_text((_LEFT + right) // 2, _HEIGHT - 6, x.label, "middle"))
    turned = Markup('<text x="{}" y="14" transform="rotate(-90)" text-anchor="middle">{}</text>')
    return [*made, turned.format(-(_TOP + bottom) // 2, y.label)]


def _line(line: Line, number: int, x: Axis, y: Axis) -> list[Markup]:
    places = [(f"{_across(x, at):.1f}", f"{_down(y, value):.1f}") for at, value in line.points]
    path = " ".join(f"{across},{down}" for across, down in places)
    name = "faint" if line.is_faint else f"line line{number % 4}"
    made = [Markup('<polyline class="{}" points="{}"/>').format(name, path)]
    if line.is_faint or len(places) > _MOST_TOLD:
        return made
    dot = Markup('<circle class="dot dot{}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>')
    told = [f"{line.name}: {x.words(at)}, {y.words(value)}" for at, value in line.points]
    return made + [dot.format(number % 4, *place, words) for place, words in zip(places, told, strict=True)]


def _legend(lines: Sequence[Line]) -> tuple[list[Markup], int]:
    """Above the plot, from left to right, in as many rows as it takes; and how much they add to its height."""
    places, across, row = [], _LEFT, 0
    for line in lines:
        width = 52 + math.ceil(_LETTER * len(line.name))
        if across > _LEFT and across + width > _WIDTH:
            across, row = _LEFT, row + 1
        places.append((across, row))
        across += width
    made = []
    for number, (line, (at, line_row)) in enumerate(zip(lines, places, strict=True)):
        name, down = "faint" if line.is_faint else f"line line{number % 4}", 12 - 18 * (row - line_row)
        key = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        made += [key.format(name, at, at + 24, down, down), _text(at + 30, down + 4, line.name, "start")]
    return made, 18 * row


def _in_words(line: Line, x: Axis, y: Axis) -> str:
    """All points of a short line; of a long one as many, evenly."""
    step = max(1, math.ceil(len(line.points) / _MOST_TOLD))
    told = ", ".join(f"{x.words(at)}: {y.words(value)}" for at, value in line.points[::step])
    return f"{line.name}: {told}"


def _text(across: float | str, down: float | str, words: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(across, down, anchor, escape(words))


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _down(axis: Axis, value: float) -> float:
    return _TOP + (1 - axis.place(value)) * (_HEIGHT - _TOP - _BOTTOM)


def _nice(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(step, 1e-12)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
