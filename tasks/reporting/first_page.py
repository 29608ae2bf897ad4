"""What a person who reads one page must know: for what, tested how, failed where, what not checked, who decided."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from assay.evidence_chain import REQUIRED_STEPS
from assay.records import Step, Verdict
from tasks.reporting.blocks import Cell, Digest, Told
from tasks.reporting.fact import Fact
from tasks.reporting.sections.examined import KNOWN, headlines
from tasks.reporting.sections.plain import words_of
from tasks.screening.shown_rows import clean

Sentence = tuple[Cell, ...]

_STEPS = {
    Step.COLLECT: "collecting the data",
    Step.VALIDATE: "validating the data",
    Step.SCREEN: "screening the data",
    Step.SPLIT: "splitting the data",
    Step.TRAIN: "training",
    Step.EXPORT: "exporting the model",
    Step.ASSAY: "examining the model",
    Step.GATE: "the gate",
    Step.APPROVE: "the approval",
    Step.REGISTER: "registering",
}
_DECIDING = frozenset({Step.GATE, Step.APPROVE})
_DETAIL = 400


@dataclass(frozen=True)
class FirstPage:
    """decision: in two or three words, with its hue. why: the sentences under it."""

    title: str
    decision: str
    hue: str
    why: tuple[Sentence, ...]
    about: tuple[tuple[str, Sentence], ...]
    tested: tuple[Sentence, ...]
    failed: tuple[Sentence, ...]
    not_checked: tuple[Sentence, ...]


def first_page(document: Fact) -> FirstPage:
    """From the report's document alone."""
    assay, screen = (document.at("statements", step.value, "report", "facts") for step in (Step.ASSAY, Step.SCREEN))
    decision, hue = _decision(document)
    return FirstPage(
        title=_title(document.at("model")),
        decision=decision,
        hue=hue,
        why=tuple(_why(document)),
        about=tuple(_about(document)),
        tested=tuple(headlines(assay, screen)),
        failed=tuple(_failed(document)),
        not_checked=(*_left_out(assay), *_unsure(document), *_missing(document)),
    )


def when(text: str) -> str:
    """A moment as people write it; the text itself where it is none."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%-d %B %Y, %H:%M} UTC"
    except ValueError:
        return clean(text, 40)


def who(statement: Fact) -> str:
    """The person or thing that stands behind a statement."""
    context = statement.at("context")
    actor = clean(context.at("actor").text, 80)
    trigger = clean(context.at("trigger").text, 40) or "unknown"
    return f"{actor} ({trigger})" if actor else trigger


def _title(model: Fact) -> str:
    version = model.at("version").number
    name = clean(model.at("pipeline").text, 80)
    return f"{name}, version {version:.0f}" if version is not None else f"{name} {model.at('sha256').text[:12]}"


def _decision(document: Fact) -> tuple[str, str]:
    gate, approve = (document.at("statements", step.value, "report", "verdict") for step in (Step.GATE, Step.APPROVE))
    if not gate.is_there:
        return "Not decided", "unsure"
    if gate.value != Verdict.PASSED.value:
        return "Refused by the gate", "bad"
    facts = document.at("statements", Step.APPROVE.value, "report", "facts")
    if facts.at("is_open").value is True:
        return "Waiting for approval", "unsure"
    if approve.is_there and approve.value != Verdict.PASSED.value:
        return "Refused by the approvers", "bad"
    return "Let through", "good"


def _why(document: Fact) -> Iterator[Sentence]:
    yield _of_gate(document.at("statements", Step.GATE.value))
    yield _of_approval(document)
    yield _of_serving(document)


def _of_gate(gate: Fact) -> Sentence:
    if not gate.is_there:
        return ("No gate has judged this model.",)
    rules = gate.at("report", "checks").each()
    refused = sum(rule.at("verdict").value != Verdict.PASSED.value for rule in rules)
    at = when(gate.at("ended_at").text)
    rests = f"on {len(gate.at('report', 'facts', 'input_attestations').each())} signed statements"
    if gate.at("report", "verdict").value == Verdict.PASSED.value:
        return (f"The gate let it through on {at}: all {len(rules)} rules held, {rests}.",)
    return (f"The gate refused it on {at}: {refused} of {len(rules)} rules did not hold, {rests}.",)


def _of_approval(document: Fact) -> Sentence:
    approve = document.at("statements", Step.APPROVE.value)
    if not approve.is_there:
        return ("No person's approval is signed for it.",)
    facts = approve.at("report", "facts")
    people = [clean(one.text, 80) for one in facts.at("standing", "approved_by").each()]
    person = ", ".join(people) or clean(facts.at("responder").text, 80) or who(approve)
    word = "Approved" if approve.at("report", "verdict").value == Verdict.PASSED.value else "Not approved"
    reason = clean(str(facts.at("reason").value or ""), _DETAIL)
    return (f"{word} by {person} on {when(approve.at('ended_at').text)}" + (f": “{reason}”." if reason else "."),)


def _of_serving(document: Fact) -> Sentence:
    serving = document.at("serving")
    if not serving.is_there:
        return ("Nothing of this pipeline serves.",)
    version, since = Told(serving.at("report", "facts", "version")), when(serving.at("ended_at").text)
    if document.at("serves").value is True:
        return ("It serves as version ", version, f" since {since}.")
    return ("It does not serve. Version ", version, f", another model, serves since {since}.")


def _about(document: Fact) -> Iterator[tuple[str, Sentence]]:
    purpose, model = document.at("purpose"), document.at("model")
    unsigned = "" if purpose.at("is_signed").value else " (from the pipeline's spec, which nobody signed)"
    description, owner = (clean(purpose.at(key).text, _DETAIL) for key in ("description", "owner"))
    yield "What it is for", (f"{description}{unsigned}" if description else "nobody wrote it down",)
    yield "Owner", (f"{owner}{unsigned}" if owner else "nobody is named",)
    yield "Model", (Digest(model.at("sha256")),)
    assay = document.at("statements", Step.ASSAY.value)
    if assay.is_there:
        yield "Examined", (f"{when(assay.at('ended_at').text)}, by {who(assay)}",)


def _failed(document: Fact) -> Iterator[Sentence]:
    """What failed while it was made and examined, then the rules that did not hold: a decision is yes or no."""
    yield from _checks(document, set(_STEPS) - _DECIDING, {Verdict.FAILED.value})
    yield from _checks(document, _DECIDING, {Verdict.FAILED.value, Verdict.NOT_CHECKED.value})


def _unsure(document: Fact) -> Iterator[Sentence]:
    yield from _checks(document, set(_STEPS) - _DECIDING, {Verdict.NOT_CHECKED.value})


def _checks(document: Fact, steps: Set[Step], verdicts: Set[str]) -> Iterator[Sentence]:
    for step in (step for step in _STEPS if step in steps):
        for check in document.at("statements", step.value, "report", "checks").each():
            if check.at("verdict").value in verdicts:
                name, detail = clean(check.at("name").text, 120), clean(check.at("detail").text, _DETAIL)
                yield (f"{name}: {detail} ({_STEPS[step]})",)


def _left_out(assay: Fact) -> Iterator[Sentence]:
    """What the spec did not ask for, in the statement's words; and what the statement does not even mention."""
    named: Mapping[str, Fact] = dict(assay.at("not_examined").items())
    for name, words in named.items():
        yield (f"{_title_of(name)}: nobody asked {clean(words.text, _DETAIL)}.",)
    for name, facts in assay.items():
        for note in facts.at("notes").each():
            yield (f"{_title_of(name)}: {clean(note.text, _DETAIL)}.",)
    for name in KNOWN:
        if assay.items() and name not in named and not assay.at(name).is_there:
            yield (f"{_title_of(name)}: the statement says nothing of it.",)


def _title_of(name: str) -> str:
    return KNOWN[name].title if name in KNOWN else words_of(name).capitalize()


def _missing(document: Fact) -> Iterator[Sentence]:
    for step in (*REQUIRED_STEPS, Step.GATE):
        if not document.at("statements", step.value).is_there:
            yield (f"No signed statement on {_STEPS[step]}.",)
