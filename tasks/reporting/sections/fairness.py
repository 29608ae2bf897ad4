"""Whether the groups of a sensitive column fare alike."""

from tasks.reporting.blocks import Block, Cell, Part, Strip, Table, Told, Words, interval
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of
from tasks.screening.shown_rows import clean

_SHARES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


def fairness_blocks(facts: Fact) -> tuple[Block, ...]:
    """One part a column: what compares the groups, then each group's shares with intervals."""
    return tuple(Part(f"by {clean(name, 60)}", tuple(_column(one))) for name, one in facts.items())


def fairness_headline(facts: Fact) -> tuple[Cell, ...]:
    """The lowest ratio of selection rates in one sentence."""
    ratios = [
        (name, one.at("measures", "selection_rate_ratio", "value"))
        for name, one in facts.items()
        if one.at("measures", "selection_rate_ratio", "value").number is not None
    ]
    if not ratios:
        return ("No column's groups could be compared.",)
    name, lowest = min(ratios, key=lambda pair: pair[1].number or 0.0)
    return (f"By {clean(name, 60)} the least favoured group is selected ", Told(lowest), " times as often as the most.")


def _column(column: Fact) -> list[Block]:
    if column.at("problem").is_there:
        return [Words(("Not measured: ", Told(column.at("problem"))))]
    about = Words(("The good answer is class ", Told(column.at("positive")), "; ",
                   Told(column.at("missing")), " rows have no value."), is_soft=True)  # fmt: skip
    measures = tuple(_measure(name, one) for name, one in column.at("measures").items())
    groups = [_groups(column, share) for share in _SHARES]
    head = ("measure", "value", "95 % interval", "lowest group", "highest group")
    return [about, Table("Groups compared", head, measures), *groups]


def _measure(name: str, one: Fact) -> tuple[Cell, ...]:
    if one.at("problem").is_there:
        return words_of(name), "not measured", "–", Told(one.at("problem")), "–"
    span = interval(one.at("ci95", 0), one.at("ci95", 1), as_share=False)
    return words_of(name), Told(one.at("value")), span, Told(one.at("lowest")), Told(one.at("highest"))


def _groups(column: Fact, share: str) -> Table:
    counted = {"true_positive_rate": "positives", "false_positive_rate": "negatives"}.get(share, "rows")
    rows = tuple(
        (
            Told(group.at("group")),
            Told(group.at(share, "value"), as_share=True),
            interval(group.at(share, "ci95", 0), group.at(share, "ci95", 1)),
            Told(group.at(counted)),
            Strip(
                group.at(share, "value").number, group.at(share, "ci95", 0).number, group.at(share, "ci95", 1).number
            ),
        )
        for group in column.at("groups").each()
    )
    return Table(words_of(share).capitalize(), ("group", "share", "95 % interval", f"of {counted}", "0 to 100 %"), rows)
