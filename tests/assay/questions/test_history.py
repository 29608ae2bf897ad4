"""Every question about every served model of a real history, against an answer sheet written by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from assay.cli.answers import exposure_lines
from assay.ledger_verification import verify_ledger
from assay.lineage.moment import parse_moment
from assay.lineage.question import ask
from assay.lineage.served import served
from assay.lineage.walk import Direction, Node
from assay.quarantine.declaration import Bad, Declaration, Kind
from assay.questions.coverage import coverage
from assay.questions.diff import diff_models
from assay.questions.dora import dora
from assay.questions.exposure import exposure
from assay.questions.sources import Sources

SHEET: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "history" / "answers.yaml").read_text())
THEN = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)


def test_the_history_is_intact(sources: Sources) -> None:
    found = verify_ledger(sources.ledger, sources.ledger.keys)
    assert found.ok, found.broken
    assert found.entries >= 183  # another test declares something bad, and releases it


@pytest.mark.parametrize("expected", SHEET["served"], ids=lambda expected: str(expected["at"]))
def test_served_at(sources: Sources, expected: dict[str, Any]) -> None:
    rows = served(sources.lineage, parse_moment(expected["at"]))
    assert {row.name: f"{row.version} {row.model[:8]}" for row in rows} == expected["answer"]
    assert all(row.approved_by == ["gate"] for row in rows)


@pytest.mark.parametrize(("direction", "reference"), [(way, ref) for way in ("up", "down") for ref in SHEET[way]])
def test_walk(sources: Sources, direction: str, reference: str) -> None:
    expected = SHEET[direction][reference]
    found = ask(sources.lineage, sources.settings, Direction(direction), reference)
    names = {_called(node) for node in found.nodes}
    if "all" in expected:
        assert names == set(expected["all"])
    assert names >= set(expected.get("some", []))
    assert names.isdisjoint(expected.get("none", []))


@pytest.mark.parametrize("expected", SHEET["diff"], ids=lambda expected: " ".join(expected["of"]))
def test_diff(sources: Sources, expected: dict[str, Any]) -> None:
    a, b = expected["of"]
    found = diff_models(a, b, sources.ledger, sources.lineage, sources.store)
    roles = {
        role.role: [role.a and role.a.sha256[:8], role.b and role.b.sha256[:8], role.rows.a, role.rows.b]
        for role in found.roles
    }
    assert {role: roles[role] for role in expected["roles"]} == expected["roles"]
    assert {s.uri: [s.a and s.a[:8], s.b and s.b[:8]] for s in found.sources} == expected["sources"]
    assert {code.step.value: code.same for code in found.code} == expected["code"]
    if "parameters" in expected:
        assert {p.name: [p.a, p.b] for p in found.parameters if not p.same} == expected["parameters"]
    assert {p.name: [p.a, p.b] for p in found.environment.packages} == expected["packages"]
    assert [digest[:8] for digest in found.environment.unknown] == expected["unknown_environments"]
    if "verdicts" in expected:
        assert [f"{v.step.value} {v.check}" for v in found.verdicts if not v.same] == expected["verdicts"]
    measured = {f"{v.step.value} {v.check}": [v.a and v.a.measured, v.b and v.b.measured] for v in found.verdicts}
    assert {name: measured[name] for name in expected["measured"]} == expected["measured"]


def test_rows_are_told_apart_only_where_the_store_has_them(sources: Sources) -> None:
    known = diff_models("model/digits:2", "model/digits:3", sources.ledger, sources.lineage, sources.store)
    assert [(role.rows.both, role.rows.only_a, role.rows.only_b) for role in known.roles if role.role == "train"] == [
        (1442, 0, 0)
    ]
    gone = diff_models("model/spam:1", "model/spam:2", sources.ledger, sources.lineage, sources.store)
    rows = {role.role: role.rows for role in gone.roles}
    # A frozen holdout only grows by shards, so its rows are known from the manifests alone.
    assert (rows["holdout"].both, rows["holdout"].only_a, rows["holdout"].only_b) == (345, 0, 397)
    assert all("not in the store" in rows[role].why for role in ("raw", "admitted", "train", "recent"))


@pytest.mark.parametrize("reference", SHEET["exposure"])
def test_exposure(sources: Sources, reference: str) -> None:
    expected = SHEET["exposure"][reference]
    found = exposure(sources.lineage, sources.settings, reference, None, ())
    assert found.is_live is expected["live"]
    assert {m.touched.node.digest[:8]: m.touched.reach.value for m in found.models} == expected["models"]
    spans = {
        model.touched.node.digest[:8]: [
            [span.version, span.deployment[:8], span.since.astimezone(UTC).isoformat(), _until(span.until)]
            for span in model.served
        ]
        for model in found.models
        if model.served
    }
    assert spans == expected["served"]
    if "versions" in expected:
        told = {_called(version.node) for version in found.versions if version.node.type != "source"}
        assert told == set(expected["versions"])


def test_exposure_before_the_row_went_live(sources: Sources) -> None:
    early = exposure(
        sources.lineage, sources.settings, "row/digits/digit-00000", parse_moment("2026-11-21T21:30:40Z"), ()
    )
    assert not early.is_live
    assert [model.touched.node.digest[:8] for model in early.models] == ["593d9abd", "2444db0e"]


def test_exposure_of_a_row_in_quarantine_says_so_of_the_row_and_of_what_learned_from_it(sources: Sources) -> None:
    row = Bad(Kind.ROWS, "row/digits/digit-00000", name="digits", rows=frozenset({"digit-00000"}))
    word = Declaration(row, "mislabelled", "ann", THEN, 900, frozenset(), is_release=False)
    found = exposure(sources.lineage, sources.settings, row.reference, None, [word])
    marks = found.to_json()["quarantine"]
    assert isinstance(marks, list)
    assert {"id": row.reference, "is_itself": True, **word.brief()} in marks
    lines = [click.unstyle(line) for line in exposure_lines(found)]
    assert lines[1] == f"in quarantine: {word.words}, since {THEN:%F %T%z}"
    assert all(line.endswith("made of what is in quarantine (entry 900)") for line in lines if "model/digits" in line)
    other = exposure(sources.lineage, sources.settings, "row/digits/digit-00001", None, [word])
    assert not other.marks


@pytest.mark.parametrize("reference", SHEET["coverage"])
def test_coverage(sources: Sources, reference: str) -> None:
    expected = SHEET["coverage"][reference]
    found = coverage(reference, sources.ledger, sources.lineage, THEN)
    holes = [[hole.kind.value, hole.step.value, hole.what, hole.entry] for hole in found.holes]
    assert sorted(holes, key=str) == sorted(expected["holes"], key=str)
    assert found.checked == expected.get("checked", found.checked)


def test_old_evidence_is_stale(sources: Sources) -> None:
    found = coverage("model/mnist:1", sources.ledger, sources.lineage, THEN.replace(year=2027))
    stale = [hole.step.value for hole in found.holes if hole.kind.value == "stale"]
    assert stale == ["collect", "validate", "screen", "split", "train", "export", "assay", "gate"]


@pytest.mark.parametrize("pipeline", SHEET["dora"])
def test_dora(sources: Sources, pipeline: str) -> None:
    expected = SHEET["dora"][pipeline]
    found = dora(sources.ledger, THEN, pipeline)
    assert found.changes == expected["changes"]
    assert found.since is not None
    assert found.since.astimezone(UTC).isoformat() == expected["since"]
    assert found.to_json()["deployment_frequency"]["days"] == expected["days"]  # type: ignore[index, call-overload]
    assert sorted(round(lead.total_seconds(), 3) for lead in found.lead_time.measured) == expected["lead"]
    assert found.failed == expected["failed"]
    assert found.by_cause == expected["by_cause"]
    restored = found.time_to_restore
    assert sorted(round(time.total_seconds(), 3) for time in restored.measured) == expected["restore"]
    assert restored.unmeasured == expected["unmeasured"]


def _called(node: Node) -> str:
    """NAME@DIGEST; of an event the first digits of its name."""
    if node.type == "actor":
        return node.name[: len("drift/") + 8] if node.name.startswith("drift/") else node.name
    return f"{node.name}@{node.digest[:8]}" if node.digest else node.name


def _until(until: datetime | None) -> str | None:
    return until.astimezone(UTC).isoformat() if until else None
