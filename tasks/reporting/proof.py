"""The gate's rules in its own words, every check of the examination, and the chain of signed statements."""

from collections.abc import Iterator

from assay.records import Step, Verdict
from tasks.reporting.blocks import Block, Cell, Digest, Mark, Part, Section, Table, Terms, Told, Words
from tasks.reporting.fact import Fact
from tasks.reporting.first_page import when, who
from tasks.reporting.sections.plain import plain_blocks, words_of
from tasks.screening.shown_rows import clean

_DETAIL = 800


def decision_section(document: Fact) -> Section:
    """Rule by rule."""
    gate = document.at("statements", Step.GATE.value, "report")
    blocks: list[Block] = [_checks_table("Rules of the policy, in the gate's words", gate.at("checks"))]
    if not gate.is_there:
        blocks = [Words(("No gate statement is in the ledger for this model.",))]
    policy = gate.at("facts", "policy_sha256")
    if policy.is_there:
        blocks.append(Words(("Policy ", Digest(policy), _is_specs(document.at("policy_is_the_specs"))), is_soft=True))
    approve = document.at("statements", Step.APPROVE.value, "report")
    if approve.is_there:
        blocks.append(_checks_table("The approval", approve.at("checks")))
    return Section("decision", "Decision", "By which rules was it judged, and what did the gate say?", tuple(blocks))


def checks_section(document: Fact) -> Section:
    """Of every step up to the examination; the examination first."""
    parts = tuple(
        _checks_table(f"{words_of(step.value).capitalize()}: what was checked", checks)
        for step in (Step.ASSAY, Step.SCREEN, Step.VALIDATE, Step.COLLECT, Step.SPLIT, Step.TRAIN, Step.EXPORT)
        if (checks := document.at("statements", step.value, "report", "checks")).each()
    )
    return Section("checks", "Every check", "What was asked, and what was answered?", parts)


def making_section(document: Fact) -> Section:
    """What each step before the examination states besides its checks."""
    parts = tuple(
        Part(words_of(step.value).capitalize(), blocks)
        for step in (Step.COLLECT, Step.VALIDATE, Step.SPLIT, Step.TRAIN, Step.EXPORT)
        if (blocks := plain_blocks(document.at("statements", step.value, "report", "facts")))
    )
    return Section("making", "Making", "From which data, and how, was it made?", parts)


def chain_section(document: Fact) -> Section:
    """Where each number comes from: which statement, signed with which key, on which bytes."""
    statements = [fact for _, fact in document.at("statements").items()] + document.at("served").each()
    rows = tuple(_statement(statement) for statement in statements)
    head = ("step", "entry", "verdict", "signed", "by", "role", "statement", "key")
    table = Table("Signed statements, each signature verified when this page was made", head, rows)
    words = Words((
        "Each is an in-toto statement in a DSSE envelope, Ed25519. `assay audit verify` proves the whole log.",
    ), is_soft=True)  # fmt: skip
    subjects = tuple(Part(_name(one), (Terms(tuple(_subjects(one))),)) for one in statements if list(_subjects(one)))
    return Section("chain", "Chain of evidence", "Who signed what, on which bytes?", (table, words, *subjects))


def _is_specs(same: Fact) -> str:
    words = {
        True: ": the policy that the pipeline's spec states now.",
        False: ": the pipeline's spec has changed since.",
    }
    return words[same.value] if isinstance(same.value, bool) else "."


def _checks_table(caption: str, checks: Fact) -> Table:
    rows = tuple(
        (
            clean(check.at("name").text, 200),
            Mark(Verdict(check.at("verdict").text)),
            clean(check.at("detail").text, _DETAIL),
            Told(check.at("measured")),
            Told(check.at("threshold")),
        )
        for check in checks.each()
    )
    return Table(caption, ("check", "verdict", "in words", "measured", "bound"), rows)


def _statement(one: Fact) -> tuple[Cell, ...]:
    return (
        words_of(one.at("report", "step").text),
        Told(one.at("seq")),
        Mark(Verdict(one.at("report", "verdict").text)),
        when(one.at("ended_at").text),
        who(one),
        one.at("role").text,
        Digest(one.at("sha256")),
        Digest(one.at("keyid")),
    )


def _name(one: Fact) -> str:
    return f"{words_of(one.at('report', 'step').text).capitalize()}, entry {Told(one.at('seq')).text}"


def _subjects(one: Fact) -> Iterator[tuple[str, Cell]]:
    """Products and inputs by role; then the code that made it."""
    for kind, word in (("products", "made"), ("inputs", "read")):
        for role, subject in one.at("report", kind).items():
            yield f"{word} {words_of(role)}", Digest(subject.at("sha256"))
    commit, is_dirty = one.at("provenance", "git_sha"), one.at("provenance", "is_dirty")
    if commit.text:
        yield "code", f"{clean(commit.text, 40)}{', with changes not committed' if is_dirty.value is True else ''}"
