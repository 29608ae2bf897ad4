"""What the model gives away: who trained it, itself, and sensitive columns."""

from collections.abc import Iterable, Sequence

from tasks.reporting.blocks import Block, Cell, Drawing, Part, Strip, Table, Told, Words, interval
from tasks.reporting.curves import Axis, Line, axis_of, draw, shares
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of
from tasks.screening.shown_rows import clean

_RATES = (("0.001", "one false alarm in a thousand"), ("0.01", "one false alarm in a hundred"))
_COPIES = (
    ("by_probabilities", "of the model's probabilities"),
    ("by_labels", "of the model's answers alone"),
    ("by_truth", "of the true labels, to compare"),
)
_LOWEST_RATE = 1e-3


def privacy_blocks(facts: Fact) -> tuple[Block, ...]:
    """One part a question that was asked; what nobody asked stands at the end."""
    parts: tuple[tuple[str, Iterable[Block]], ...] = (
        ("Who was in the training data", _membership(facts.at("membership"))),
        ("Copying the model", _extraction(facts.at("extraction"))),
        ("Sensitive columns", _attributes(facts.at("attributes"))),
    )
    return tuple(Part(title, made) for title, blocks in parts if (made := tuple(blocks)))


def privacy_headline(facts: Fact) -> tuple[Cell, ...]:
    """What an attacker learns, in a sentence each."""
    told: list[Cell] = []
    found = facts.at("membership", "reference_models", "true_positive_rates", "0.01", "value")
    if found.number is not None:
        told += ["At one false alarm in a hundred ", Told(found, as_share=True), " of training rows are found out. "]
    agreed = [copy.at("by_probabilities", "value") for copy in facts.at("extraction", "copies").each()]
    known = [one for one in agreed if one.number is not None]
    if known:
        told += ["A copy agrees on ", Told(max(known, key=lambda one: one.number or 0.0), as_share=True), " of rows."]
    return tuple(told) or ("Privacy was looked at; see the section.",)


def _membership(facts: Fact) -> Iterable[Block]:
    attacks = [(name, one) for name, one in facts.items() if one.at("true_positive_rates").items()]
    samples = facts.at("samples")
    if samples.is_there:
        members, others = Told(samples.at("members")), Told(samples.at("others"))
        yield Words((members, " training rows were told from ", others, " rows that the model never saw."))
    if attacks:
        head = ("attack by", "training rows found", "value", "95 % interval", "0 to 100 %")
        yield Table("Training rows found out", head, tuple(row for name, one in attacks for row in _attack(name, one)))
    yield from _curves(attacks)
    for name, one in facts.items():
        if one.at("problem").is_there:
            yield Words((f"By {words_of(name)}: not measured: ", Told(one.at("problem"))))


def _attack(name: str, one: Fact) -> Iterable[tuple[Cell, ...]]:
    measures = [(f"at {words}", one.at("true_positive_rates", rate)) for rate, words in _RATES]
    for words, fact in (*measures, ("more often than an outsider (50 %: guessing)", one.at("auc"))):
        low, high = fact.at("ci95", 0), fact.at("ci95", 1)
        strip = Strip(fact.at("value").number, low.number, high.number)
        yield words_of(name), words, Told(fact.at("value"), as_share=True), interval(low, high), strip


def _curves(attacks: Sequence[tuple[str, Fact]]) -> Iterable[Block]:
    """All attacks in one picture, down to one false alarm in a thousand."""
    drawn = [(name, one.at("curve")) for name, one in attacks if len(one.at("curve").each()) > 1]
    if not drawn:
        return
    guess = tuple((10 ** (power / 10), 10 ** (power / 10)) for power in range(-30, 1))
    lines = [Line(clean(words_of(name), 30), _points(curve)) for name, curve in drawn]
    across = Axis("false alarms", _LOWEST_RATE, 1.0, is_log=True, as_share=True)
    svg = draw(
        "Training rows found, by false alarms", [*lines, Line("guessing", guess, True)], across, shares("rows found")
    )
    caption = "At the left, far above the dashed line: single rows can be found out."
    yield Drawing(svg, caption, tuple(leaf for _, curve in drawn for leaf in curve.leaves()))


def _points(curve: Fact) -> tuple[tuple[float, float], ...]:
    pairs = ((point.at(0).number or 0.0, point.at(1).number or 0.0) for point in curve.each())
    return tuple(pair for pair in pairs if pair[0] >= _LOWEST_RATE)


def _extraction(facts: Fact) -> Iterable[Block]:
    copies = facts.at("copies").each()
    if facts.at("problem").is_there:
        yield Words(("Not measured: ", Told(facts.at("problem"))))
    if len(copies) > 1:
        yield _agreement(copies)
    rows = tuple(_copy(copy, kind, words) for copy in copies for kind, words in _COPIES if copy.at(kind).is_there)
    if rows:
        head = ("questions asked", "a copy", "agrees on", "95 % interval", "0 to 100 %")
        yield Table("How far a copy agrees with the model", head, rows)


def _agreement(copies: Sequence[Fact]) -> Drawing:
    asked = [copy.at("queries").number or 1.0 for copy in copies]
    lines = [
        Line(words, tuple((at, copy.at(kind, "value").number or 0.0) for at, copy in zip(asked, copies, strict=True)))
        for kind, words in _COPIES
        if copies[0].at(kind).is_there
    ]
    svg = draw("Agreement by questions asked", lines, axis_of("questions asked", asked, is_log=True), shares("agreed"))
    return Drawing(svg, "A copy that learned the true labels shows what needs no questions at all.")


def _copy(copy: Fact, kind: str, words: str) -> tuple[Cell, ...]:
    one = copy.at(kind)
    low, high = one.at("ci95", 0), one.at("ci95", 1)
    strip = Strip(one.at("value").number, low.number, high.number)
    return Told(copy.at("queries")), words, Told(one.at("value"), as_share=True), interval(low, high), strip


def _attributes(facts: Fact) -> Iterable[Block]:
    rows = tuple(_attribute(name, one) for name, one in facts.items() if one.at("advantage").is_there)
    if rows:
        head = ("column", "guessed without answers", "with answers", "gained", "95 % interval")
        yield Table("How much better a column is guessed when the model's answers are known", head, rows)
    for name, one in facts.items():
        if one.at("problem").is_there:
            yield Words((f"{clean(name, 60)}: not measured: ", Told(one.at("problem"))))


def _attribute(name: str, one: Fact) -> tuple[Cell, ...]:
    without, known, gained = (
        Told(one.at(key), as_share=True) for key in ("without_answers", "with_answers", "advantage")
    )
    return clean(name, 60), without, known, gained, interval(one.at("ci95", 0), one.at("ci95", 1))
