"""How right the model is on rows it never saw."""

from tasks.reporting.blocks import Block, Cell, Digest, Heat, Points, Strip, Table, Told, Words, interval
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of


def clean_blocks(facts: Fact, derived: Fact) -> tuple[Block, ...]:
    """facts: of the assay statement. derived: of the stored predictions."""
    blocks: list[Block] = [_metrics(facts), *_recent(facts.at("recent"))]
    if not derived.is_there:
        return (*blocks, Words(("No predictions were stored, so there is no confusion matrix.",), is_soft=True))
    blocks += _confusion(derived)
    return (*blocks, *_recall(facts))


def clean_headline(facts: Fact) -> tuple[Cell, ...]:
    """One sentence."""
    low, high = (facts.at("ci95", "accuracy", place) for place in (0, 1))
    right = Told(facts.at("metrics", "accuracy"), as_share=True)
    span = (" (95 % interval ", interval(low, high), ")") if low.is_there else ()
    rows = (
        (" of ", Told(facts.at("rows")), " held-out rows") if facts.at("rows").is_there else (" of the held-out rows",)
    )
    return ("Right on ", right, *rows, *span, ".")


def _metrics(facts: Fact) -> Table:
    rows = tuple(_metric(name, fact, facts.at("ci95", name)) for name, fact in facts.at("metrics").items())
    return Table("Measured on the frozen holdout", ("metric", "value", "95 % interval", "0 to 100 %"), rows)


def _metric(name: str, fact: Fact, ci95: Fact) -> tuple[Cell, ...]:
    low, high = ci95.at(0), ci95.at(1)
    is_share = fact.number is not None and 0 <= fact.number <= 1
    strip = Strip(fact.number if is_share else None, low.number, high.number)
    return words_of(name), Told(fact, as_share=is_share), interval(low, high, is_share), strip


def _recent(recent: Fact) -> list[Block]:
    """The newest rows, by the same measures."""
    if not recent.at("metrics").items():
        return []
    rows = tuple(_metric(name, fact, recent.at("ci95", name)) for name, fact in recent.at("metrics").items())
    head = ("metric", "value", "95 % interval", "0 to 100 %")
    count = Told(recent.at("rows"))
    return [Table(f"The same on the newest segment ({count.text} rows)", head, rows)]


def _confusion(derived: Fact) -> list[Block]:
    blocks: list[Block] = []
    if not derived.at("matches").value:
        warning = "The stored predictions do not give the accuracy that the statement names: "
        blocks.append(Words((warning, Told(derived.at("accuracy"), as_share=True), ".")))
    if derived.at("confusion").is_there:
        blocks.append(matrix("Holdout rows by true class and answered class", derived.at("confusion")))
    pairs: list[tuple[Cell, ...]] = [
        (f"{Told(pair.at('label')).text} taken for {Told(pair.at('predicted')).text}: ", Told(pair.at("rows")))
        for pair in derived.at("pairs").each()
    ]
    if not derived.at("confusion").is_there and pairs:
        blocks.append(Points(tuple(pairs)))
    source = Digest(derived.at("predictions"))
    return [*blocks, Words(("Counted from the stored predictions ", source, ", verified."), is_soft=True)]


def matrix(caption: str, counts: Fact) -> Table:
    """Counts by true class and answered class; darker is a larger share of the true class."""
    rows: list[tuple[Cell, ...]] = []
    for label, line in enumerate(counts.each()):
        every = sum(one.number or 0.0 for one in line.each()) or 1.0
        cells = (Heat(Told(one), (one.number or 0.0) / every, label == at) for at, one in enumerate(line.each()))
        rows.append((str(label), *cells))
    names = tuple(str(place) for place in range(len(rows)))
    return Table(caption, ("true \\ answered", *names), tuple(rows), is_matrix=True)


def _recall(facts: Fact) -> list[Block]:
    recalls = facts.at("class_recall").each()
    if not recalls:
        return []
    priors = facts.at("class_prior")
    rows = tuple(
        (str(number), Told(recall, as_share=True), Told(priors.at(number), as_share=True), Strip(recall.number))
        for number, recall in enumerate(recalls)
    )
    return [Table("Recall of each class", ("class", "recall", "share of rows", "0 to 100 %"), rows)]
