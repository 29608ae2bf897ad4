"""Answers to auditors' questions as lines for people: what matters first, what is alike only counted."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from assay.json_types import Json
from assay.provenance import Provenance
from assay.quarantine.declaration import Declaration
from assay.quarantine.marks import Mark
from assay.questions.coverage import Coverage, Kind
from assay.questions.data_diff import RoleDiff
from assay.questions.diff import ModelDiff
from assay.questions.dora import Dora
from assay.questions.dora_words import figures
from assay.questions.dossier import Dossier
from assay.questions.exposure import ExposedModel, Exposure
from assay.records import Check

_HOLES = {
    Kind.NO_STATEMENT: "no statement",
    Kind.NOT_ASKED: "not asked",
    Kind.NOT_ATTACKED: "not attacked",
    Kind.NOT_CHECKED: "not checked",
    Kind.BLIND: "blind",
    Kind.STALE: "stale",
}


def diff_lines(diff: ModelDiff) -> Iterator[str]:
    """What differs, a section each."""
    yield f"A  {_named(diff.a)}"
    yield f"B  {_named(diff.b)}"
    if diff.same_model:
        yield "A and B are one and the same model"
    yield _title("data")
    for role in diff.roles:
        yield f"  {role.role:<9} {_role(role)}"
    for source in diff.sources:
        if not source.same:
            yield f"  source {source.uri}: {_short(source.a)} -> {_short(source.b)}"
    yield _title("code")
    for code in diff.code:
        if not code.same:
            ending = "" if code.same is False else ": not comparable"
            yield f"  {code.step.value:<9} {_commit(code.a)} -> {_commit(code.b)}{ending}"
    yield _alike(sum(bool(code.same) for code in diff.code), "steps of the same code")
    yield _title("parameters")
    for parameter in diff.parameters:
        if not parameter.same:
            yield f"  {parameter.name}: {_value(parameter.a)} -> {_value(parameter.b)}"
    yield _alike(sum(parameter.same for parameter in diff.parameters), "parameters alike")
    yield _title("environment")
    for package in diff.environment.packages:
        yield f"  {package.name}: {package.a or '-'} -> {package.b or '-'}  ({', '.join(package.steps)})"
    for digest in diff.environment.unknown:
        yield f"  {_short(digest)}: another environment, whose list of packages is not in the store"
    yield _alike(sum(step.same for step in diff.environment.steps), "steps in the same environment")
    yield _title("verdicts")
    for verdict in diff.verdicts:
        if verdict.differs:
            yield f"  {verdict.step.value:<9} {verdict.check}: {_answer(verdict.a)} -> {_answer(verdict.b)}"
    yield _alike(sum(verdict.same for verdict in diff.verdicts), "checks of the same verdict")


def exposure_lines(exposure: Exposure) -> Iterator[str]:
    """What it went into, then each model with the times it served."""
    state = click.style("live", fg="red", bold=True) if exposure.is_live else "not live"
    counted = f"{_many(len(exposure.versions), 'version')}, {_many(len(exposure.models), 'model')}"
    yield f"{exposure.reference}: {state}; {counted}"
    yield from quarantine_lines(mark.declaration for mark in exposure.marks.values())
    for version in exposure.versions:
        node, mark = version.node, _mark(exposure.marks.get(version.node.id))
        yield f"  {_moment(node.at)}  {node.name} {_short(node.digest)}  {version.reach.value}{mark}"
    for model in exposure.models:
        yield from _model_lines(model, _mark(exposure.marks.get(model.touched.node.id)))
    if not exposure.models:
        yield "  no model was made of it or measured on it"
    if exposure.truncated:
        yield "there is more than one answer holds: ask from nearer by"


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """A line a hole."""
    answered = _many(coverage.checked, "check")
    yield f"{_named(coverage.dossier)}: {answered} answered, {_many(len(coverage.holes), 'hole')}"
    yield from quarantine_lines(coverage.declared)
    for hole in coverage.holes:
        entry = f" (entry {hole.entry})" if hole.entry is not None else ""
        yield f"  {_HOLES[hole.kind]:<12} {hole.step.value:<9} {hole.what}: {hole.why}{entry}"


def dora_lines(dora: Dora) -> Iterator[str]:
    """The window, then a line a figure."""
    since = _moment(dora.since) if dora.since else "the beginning"
    yield f"{dora.pipeline or 'all pipelines'}, {since} to {_moment(dora.until)}"
    for figure in figures(dora):
        yield f"  {figure.name:<23} {figure.answer}"


def quarantine_lines(declared: Iterable[Declaration]) -> Iterator[str]:
    """A line a declaration: what was declared bad, by whom, why, since when."""
    for words in dict.fromkeys(f"{one.words}, since {_moment(one.at)}" for one in declared):
        yield click.style("in quarantine: ", fg="red", bold=True) + words


def _mark(mark: Mark | None) -> str:
    if mark is None:
        return ""
    words = "in quarantine" if mark.is_itself else "made of what is in quarantine"
    return f"  {words} (entry {mark.declaration.seq})"


def _model_lines(model: ExposedModel, mark: str) -> Iterator[str]:
    node, versions = model.touched.node, ", ".join(model.versions)
    name = f"{node.name}:{versions}" if versions else node.name
    yield f"  {_moment(node.at)}  {name} {_short(node.digest)}  {model.touched.reach.value}{mark}"
    for span in model.served:
        until = _moment(span.until) if span.until else click.style("now", fg="red")
        yield f"      served as {span.name} version {span.version} from {_moment(span.since)} to {until}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _moment(at: datetime) -> str:
    return f"{at:%F %T%z}"


def _named(dossier: Dossier) -> str:
    versions = f":{', '.join(dossier.versions)}" if dossier.versions else " (not registered)"
    return f"{dossier.model.name}{versions} {dossier.model.sha256[:12]}"


def _title(name: str) -> str:
    return click.style(name, bold=True)


def _alike(count: int, words: str) -> str:
    return click.style(f"  {count} {words}", dim=True)


def _role(role: RoleDiff) -> str:
    if role.same:
        return f"the same, {_short(role.a.sha256 if role.a else None)}, {role.rows.a} rows"
    sides = f"{_short(role.a.sha256 if role.a else None)} -> {_short(role.b.sha256 if role.b else None)}"
    rows = role.rows
    if rows.why:
        return f"{sides}, {rows.a} -> {rows.b} rows; {rows.why}"
    return (
        f"{sides}, {rows.a} -> {rows.b} rows: {rows.both} in both, {rows.only_a} in A alone, {rows.only_b} in B alone"
    )


def _commit(code: Provenance | None) -> str:
    if code is None:
        return "no statement"
    return _short(code.git_sha) + (" with changes" if code.is_dirty else "")


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"


def _value(value: Json) -> str:
    return "none" if value is None else str(value)


def _answer(check: Check | None) -> str:
    if check is None:
        return "not asked"
    return check.verdict.value + (f" {check.measured:.6g}" if check.measured is not None else "")
