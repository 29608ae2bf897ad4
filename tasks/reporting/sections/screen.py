"""What the data screen kept out before anything was trained."""

from tasks.reporting.blocks import Block, Cell, Digest, Strip, Table, Told, Words
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of

_TABLES = ("scores", "suspects", "report")


def screen_blocks(facts: Fact) -> tuple[Block, ...]:
    """Rows kept out, and by which detector; recall is of known bad rows planted in a copy."""
    kept_out = Words(
        (Told(facts.at("quarantined")), " of ", Told(facts.at("rows")), " rows were kept out of training.")
    )
    rows = tuple(_detector(name, fact) for name, fact in facts.at("by_detector").items())
    head = ("detector", "suspects", "kept out", "planted rows", "planted rows found", "0 to 100 %")
    table = (Table("Detectors, each tried on known bad rows first", head, rows),) if rows else ()
    stored = tuple(
        Words((f"{name}: ", Digest(facts.at(name))), is_soft=True) for name in _TABLES if facts.at(name).text
    )
    return (kept_out, *table, *stored)


def screen_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    return ("The data screen kept ", Told(facts.at("quarantined")), " of ", Told(facts.at("rows")), " rows out.")


def _detector(name: str, fact: Fact) -> tuple[Cell, ...]:
    recall = fact.at("canary_recall")
    return (
        words_of(name),
        Told(fact.at("suspects")),
        Told(fact.at("quarantined")),
        Told(fact.at("canaries")),
        Told(recall, as_share=True),
        Strip(recall.number),
    )
