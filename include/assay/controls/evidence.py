"""Which statements speak of what: for each kind of evidence, where to look and what it shows when it is there.

A check that was not made, or whose detector missed its canaries, evidences nothing. A check that failed is evidence,
against the model.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import cast

from assay.approval import Standing
from assay.json_types import JsonObject
from assay.ledger import LedgerEntry
from assay.records import Check, Step, Verdict


class State(str, Enum):
    """SHOWN: examined, and it held. AGAINST: examined, and it did not. ABSENT: nothing believable speaks of it."""

    SHOWN = "shown"
    AGAINST = "against"
    ABSENT = "absent"


@dataclass(frozen=True)
class Evidence:
    """key: as the catalogue names it. shows: what it is, in words. entries: of the ledger. checks: names of those read.

    words: what was found, or why it is absent.
    """

    key: str
    shows: str
    state: State
    entries: tuple[int, ...]
    checks: tuple[str, ...]
    words: str

    def to_json(self) -> JsonObject:
        return {
            "evidence": self.key,
            "shows": self.shows,
            "state": self.state.value,
            "entries": list(self.entries),
            "checks": list(self.checks),
            "words": self.words,
        }


Statements = Mapping[Step, tuple[LedgerEntry, ...]]
Chosen = tuple[LedgerEntry, Check]


@dataclass(frozen=True)
class _Look:
    """Where to look. begins, has: beginnings and parts of the names of the checks that count.

    Neither: the statement as a whole.
    """

    shows: str
    steps: tuple[Step, ...]
    begins: tuple[str, ...] = ()
    has: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not (self.begins or self.has)

    def counts(self, check: Check) -> bool:
        return self.is_whole or check.name.startswith(self.begins) or any(part in check.name for part in self.has)


_SCREENS = ("image_triggers", "clean_label_triggers", "text_triggers", "label_issues", "outliers", "duplicates",
            "near_duplicates", "sources")  # fmt: skip
_LOOKS = {
    "origin": _Look("where the data came from, by digest", (Step.COLLECT,)),
    "validation": _Look("the data held against expectations and the version before", (Step.VALIDATE,)),
    "poisoning": _Look("the data screened for poison, each detector proved by planted rows", (Step.SCREEN,), _SCREENS),
    "feedback": _Look("rows labelled by the model itself are kept out", (Step.SCREEN,), ("feedback",)),
    "holdout": _Look("measured on frozen rows it never learned", (Step.SPLIT,)),
    "training": _Look("made of which rows, with which code, parameters and seed", (Step.TRAIN,)),
    "integrity": _Look("the exported file answers as the trained model and bears its digest", (Step.EXPORT, Step.ASSAY),
                       ("same ", "digest is", "serving contract")),
    "artifact": _Look("the file holds data only, known operators, nothing that runs", (Step.ASSAY,),
                      ("bundle holds", "file is valid", "only known")),
    "accuracy": _Look("accuracy with its interval on held-out and on the newest rows", (Step.ASSAY,), ("accuracy on",)),
    "evasion": _Look("attacked within a threat model, each attack proved by a canary", (Step.ASSAY,),
                     ("linf ", "l2 ", "words ", "features ")),
    "corruption": _Look("noise, blur and weather", (Step.ASSAY,), ("corruptions",)),
    "stress": _Look("odd, extreme, broken and slow inputs", (Step.ASSAY,), ("stress:",)),
    "privacy": _Look("what it gives away of its rows and of itself", (Step.ASSAY,),
                     ("membership ", "model extraction", "attribute inference", "planted")),
    "membership": _Look("whether one can tell who was trained on", (Step.ASSAY,), ("membership ",)),
    "extraction": _Look("what a copy made by asking is worth", (Step.ASSAY,), ("model extraction",)),
    "attributes": _Look("whether columns of people can be inferred", (Step.ASSAY,), ("attribute inference",)),
    "backdoors": _Look("searched for a planted trigger", (Step.ASSAY,), ("backdoors",)),
    "fairness": _Look("whether groups fare alike", (Step.ASSAY,), ("fairness by",)),
    "explanations": _Look("what answers rest on, and whether the explanation is faithful", (Step.ASSAY,),
                          ("explanations:",)),
    "supply_chain": _Look("packages held against the hashed lock, files as installed", (Step.ASSAY,),
                          ("environment is", "packages' files")),
    "canaries": _Look("the examinations found what was planted for them to find", (Step.ASSAY,), has=(" sees",)),
    "policy": _Look("a policy fixed beforehand let it through", (Step.GATE,)),
    "served": _Look("the served bytes and answers are those that were approved", (Step.DEPLOY,)),
    "stopping": _Look("it was rolled back or cut out, in seconds, signed", (Step.ROLLBACK, Step.CUT_OUT)),
}  # fmt: skip


def find_evidence(key: str, statements: Statements) -> Evidence:
    """What the statements hold under `key` of the catalogue. Raises KeyError for a key that nothing can evidence."""
    if key == "people":
        return _people(statements.get(Step.APPROVE, ()))
    if key in _FACTS:
        return _from_facts(key, statements)
    look = _LOOKS[key]
    entries = [entry for step in look.steps for entry in statements.get(step, ())]
    if not entries:
        steps = " or ".join(step.value for step in look.steps)
        return Evidence(key, look.shows, State.ABSENT, (), (), f"no {steps} statement speaks of this model")
    chosen = [(entry, check) for entry in entries for check in entry.report.checks if look.counts(check)]
    return _judged(key, look, entries, chosen)


def _judged(key: str, look: _Look, entries: Iterable[LedgerEntry], chosen: list[Chosen]) -> Evidence:
    if not look.is_whole and not chosen:
        return Evidence(key, look.shows, State.ABSENT, (), (), "it was not asked for")
    unmade = [check for _, check in chosen if check.verdict is Verdict.NOT_CHECKED]
    failed = [check for _, check in chosen if check.verdict is Verdict.FAILED]
    stated = tuple(dict.fromkeys(entry.seq for entry, _ in chosen)) or tuple(entry.seq for entry in entries)
    names = tuple(dict.fromkeys(check.name for _, check in chosen))
    if failed:
        return Evidence(key, look.shows, State.AGAINST, stated, names, f"failed: {failed[0].name}: {failed[0].detail}")
    if unmade:
        words = f"not checked: {unmade[0].name}: {unmade[0].detail}"
        return Evidence(key, look.shows, State.ABSENT, stated, names, words)
    if look.is_whole and any(entry.report.verdict is not Verdict.PASSED for entry in entries):
        return Evidence(key, look.shows, State.AGAINST, stated, names, "the statement's verdict is not passed")
    first = f": {chosen[0][1].name}: {chosen[0][1].detail}" if chosen else ""
    return Evidence(key, look.shows, State.SHOWN, stated, names, f"{len(chosen)} checks held{first}")


def _people(answers: tuple[LedgerEntry, ...]) -> Evidence:
    """By what the newest answer says all answers came to: one yes of two that are needed is no approval."""
    key, shows = "people", "as many named people as the policy demands approved it"
    if not answers:
        return Evidence(key, shows, State.ABSENT, (), (), "no approve statement speaks of this model")
    stated = tuple(entry.seq for entry in answers)
    names = tuple(dict.fromkeys(check.name for entry in answers for check in entry.report.checks))
    told = Standing.from_json(cast(JsonObject, answers[-1].report.facts["standing"]))
    if told.rejected_by:
        return Evidence(key, shows, State.AGAINST, stated, names, told.words)
    return Evidence(key, shows, State.SHOWN if told.is_reached else State.ABSENT, stated, names, told.words)


def _slices(statements: Statements) -> str:
    return "where it errs more than elsewhere" if _assayed(statements, "slices") else ""


def _calibration(statements: Statements) -> str:
    return "how far its confidence can be trusted" if _assayed(statements, "calibration") else ""


def _documentation(statements: Statements) -> str:
    registered = statements.get(Step.REGISTER, ())
    return f"trust report {registered[-1].report.facts['report']}" if _has(registered, "report") else ""


def _capture(statements: Statements) -> str:
    told = (entry.report.facts.get("rows") for entry in statements.get(Step.WATCH, ()))
    rows = sum(int(str(counts.get("current") or 0)) for counts in told if isinstance(counts, Mapping))
    return f"{rows} served requests captured and judged" if rows else ""


def _monitoring(statements: Statements) -> str:
    """A window in which drift was found shows that somebody looks, no less than a calm one."""
    windows = [entry.report.verdict for entry in statements.get(Step.WATCH, ())]
    drifted = windows.count(Verdict.FAILED)
    return f"{len(windows)} windows of served traffic judged, drift found in {drifted}" if windows else ""


def _log(statements: Statements) -> str:
    count = sum(map(len, statements.values()))
    return f"{count} signed statements in the ledger speak of it" if count else ""


def _has(entries: tuple[LedgerEntry, ...], fact: str) -> bool:
    return bool(entries and entries[-1].report.facts.get(fact))


def _assayed(statements: Statements, fact: str) -> bool:
    return _has(statements.get(Step.ASSAY, ()), fact)


# What is told by a fact rather than by a check: (what it shows, steps, words or "").
_FACTS: dict[str, tuple[str, tuple[Step, ...], Callable[[Statements], str]]] = {
    "slices": ("groups of rows on which it errs more", (Step.ASSAY,), _slices),
    "calibration": ("how far its confidence can be trusted", (Step.ASSAY,), _calibration),
    "documentation": ("a signed trust report, registered beside the model", (Step.REGISTER,), _documentation),
    "capture": ("served requests are kept and judged", (Step.WATCH,), _capture),
    "monitoring": ("served traffic is judged for drift", (Step.WATCH,), _monitoring),
    "log": ("each step left a signed statement in an append-only log", tuple(Step), _log),
}
KEYS = frozenset({*_LOOKS, *_FACTS, "people"})


def _from_facts(key: str, statements: Statements) -> Evidence:
    shows, steps, find = _FACTS[key]
    words = find(statements)
    entries = tuple(entry.seq for step in steps for entry in statements.get(step, ())) if words else ()
    state = State.SHOWN if words else State.ABSENT
    return Evidence(key, shows, state, entries, (), words or "no statement tells of it")
