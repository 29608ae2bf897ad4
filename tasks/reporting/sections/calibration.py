"""Whether the model is right as often as it says."""

from tasks.reporting.blocks import Block, Cell, Drawing, Strip, Table, Told, Words, interval
from tasks.reporting.curves import Line, draw, shares
from tasks.reporting.fact import Fact


def calibration_blocks(facts: Fact) -> tuple[Block, ...]:
    """The reliability plot, and its numbers."""
    bins = facts.at("bins").each()
    if not bins:
        return ()
    points = tuple((one.at("confidence").number or 0.0, one.at("accuracy").number or 0.0) for one in bins)
    lines = (Line("this model", points), Line("as sure as it is right", ((0.0, 0.0), (1.0, 1.0)), is_faint=True))
    svg = draw("Calibration", lines, shares("how sure the model says it is"), shares("how often it is right"))
    head = ("how sure", "how often right", "95 % interval", "rows", "0 to 100 %")
    table = Table("By how sure it says it is", head, tuple(_bin(one) for one in bins))
    gap = Words(("Over all rows the two differ by ", Told(facts.at("error"), as_share=True), " on average."))
    return (Drawing(svg, "Below the dashed line it is surer than it should be."), gap, table)


def calibration_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    return ("How sure it says it is differs from how often it is right by ", Told(facts.at("error"), as_share=True),
            " on average.")  # fmt: skip


def _bin(one: Fact) -> tuple[Cell, ...]:
    low, high, right = one.at("ci95", 0), one.at("ci95", 1), one.at("accuracy")
    strip = Strip(right.number, low.number, high.number)
    return Told(one.at("confidence"), True), Told(right, True), interval(low, high), Told(one.at("rows")), strip
