"""Where the model errs more than elsewhere."""

from tasks.reporting.blocks import Block, Cell, Strip, Table, Told, Words, interval
from tasks.reporting.fact import Fact


def slices_blocks(facts: Fact) -> tuple[Block, ...]:
    """The found slices, the surest first; or that none is worse than chance explains."""
    found = facts.at("worst").each()
    if not facts.at("tested").number:
        return (Words((Told(facts.at("tested")), " slices were tested: the rows have no columns to slice by.")),)
    tested = (Told(facts.at("tested")), " slices of one or two columns were tested. ")
    if not found:
        return (Words((*tested, "None errs more often than chance explains.")),)
    rows = tuple(_slice(one) for one in found)
    head = ("slice", "error", "95 % interval", "rows", "p, corrected", "0 to 100 %")
    return (Words((*tested, "These err more often than the rest:")), Table("Worst slices", head, rows))


def slices_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    if not facts.at("tested").number:
        return ("Worst slices: the rows have no columns to slice by.",)
    count, tested = len(facts.at("worst").each()), Told(facts.at("tested"))
    return (f"{count or 'No'} slice{'' if count == 1 else 's'} of ", tested, " tested err more than chance explains.")


def _slice(one: Fact) -> tuple[Cell, ...]:
    low, high = one.at("ci95", 0), one.at("ci95", 1)
    words = " and ".join(Told(condition).text for condition in one.at("slice").each())
    strip = Strip(one.at("error").number, low.number, high.number, is_odd=True)
    p, error = Told(one.at("p")), Told(one.at("error"), as_share=True)
    return Told(Fact(words, one.at("slice").pointer)), error, interval(low, high), Told(one.at("rows")), p, strip
