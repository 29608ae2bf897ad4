"""Accuracy under noise, blur, weather and compression (Hendrycks & Dietterich 2019)."""

from collections.abc import Sequence

from tasks.reporting.blocks import Block, Cell, Drawing, Heat, Table, Told, Words, interval
from tasks.reporting.curves import Axis, Line, draw, shares
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of


def corruption_blocks(facts: Fact) -> tuple[Block, ...]:
    """The mean over kinds as a line, and each kind at each severity in a table."""
    rows = facts.at("by").each()
    span = interval(facts.at("ci95", 0), facts.at("ci95", 1))
    mean = Words(
        ("Right on ", Told(facts.at("mean_accuracy"), as_share=True), " on average (95 % interval ", span, ").")
    )
    return (mean, *_by_severity(rows), *_by_kind(facts.at("by")))


def corruption_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    return ("Under noise, blur and weather right on ", Told(facts.at("mean_accuracy"), as_share=True), " on average.")


def _by_severity(rows: Sequence[Fact]) -> list[Block]:
    found: dict[float, list[float]] = {}
    for row in rows:
        severity, accuracy = row.at("severity").number, row.at("accuracy").number
        if severity is not None and accuracy is not None:
            found.setdefault(severity, []).append(accuracy)
    if len(found) < 2:
        return []
    mean, worst = (tuple((one, over(found[one])) for one in sorted(found)) for over in (_mean, min))
    lines = (Line("mean over kinds", mean), Line("worst kind", worst))
    svg = draw("Accuracy by severity", lines, Axis("severity", 0, max(found)), shares("rows right"))
    return [Drawing(svg, "Accuracy by severity of the corruption.")]


def _by_kind(by: Fact) -> list[Block]:
    """The worst kind first; the darker, the more rows are wrong."""
    known = [row for row in by.each() if row.at("accuracy").number is not None]
    severities = sorted({row.at("severity").number or 0.0 for row in known})
    kinds: dict[str, dict[float, Fact]] = {}
    for row in known:
        kinds.setdefault(row.at("name").text, {})[row.at("severity").number or 0.0] = row.at("accuracy")
    worst_first = sorted(kinds, key=lambda name: _mean([one.number or 0.0 for one in kinds[name].values()]))
    cells = tuple(
        (words_of(name), *(_heat(kinds[name][one]) if one in kinds[name] else "–" for one in severities))
        for name in worst_first
    )
    head = ("kind \\ severity", *(f"{severity:g}" for severity in severities))
    return [Table("Rows right, by kind and severity", head, cells, is_matrix=True, shows=(by,))] if cells else []


def _heat(accuracy: Fact) -> Heat:
    return Heat(Told(accuracy, as_share=True), 1 - min(max(accuracy.number or 0.0, 0.0), 1.0))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
