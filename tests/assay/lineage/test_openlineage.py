"""What conforms is read; what does not is refused with the place and the reason."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.lineage.emit import step_event
from assay.lineage.openlineage import canonical_event, parse_event, read_event
from assay.lineage.run_id import step_run_id
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict

EVENTS = sorted((Path(__file__).parent / "events").glob("*.json"))
RAW, ADMITTED, MODEL = Subject("dataset/digits", "a" * 64), Subject("dataset/digits.admitted", "b" * 64), "c" * 64


def an_event() -> dict[str, Any]:
    report = StepReport(Step.SCREEN, "digits", Verdict.PASSED, {"admitted": ADMITTED}, {"raw": RAW})
    return dict(step_event(report, RunContext("run-1"), datetime(2026, 11, 21, tzinfo=UTC)))


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_events_as_airflow_really_sends_them_are_accepted(path: Path) -> None:
    seen = read_event(parse_event(path.read_bytes()))
    assert seen is not None
    assert seen.job.startswith("ol_demo")
    assert not seen.signed


def test_a_version_facet_names_a_version_and_a_bare_name_some_version() -> None:
    event = parse_event((Path(__file__).parent / "events" / "complete_custom_op.json").read_bytes())
    seen = read_event(event)
    assert seen is not None
    raw = "file:///opt/airflow/raw.parquet"
    assert [version.id for version in seen.inputs] == [f"{raw}@sha256:abc"]
    assert [version.id for version in seen.outputs] == [f"{raw}.validated@"]
    assert {version.digest for version in (*seen.inputs, *seen.outputs)} == {""}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventTime": "2026-11-21T05:00:00"}, "eventTime"),
        ({"eventType": "DONE"}, "eventType"),
        ({"producer": None}, "producer"),
        ({"producer": "me"}, "producer"),
        ({"run": {"runId": "17"}}, "run/runId"),
        ({"run": {"runId": "01a1fc25-c63e-7576-a59b-da367de33191", "facets": {"x": {}}}}, "run/facets/x"),
        ({"job": {"name": "a"}}, "job"),
        ({"inputs": [{"name": "a"}]}, "inputs/0"),
        ({"outputs": "none"}, "outputs"),
        ({"inputs": [{"namespace": "a", "name": "b", "facets": {"version": 3}}]}, "inputs/0/facets/version"),
    ],
)
def test_event_that_does_not_conform_is_refused_with_its_place(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        parse_event(json.dumps({**an_event(), **change}).encode())


@pytest.mark.parametrize("key", ["eventTime", "producer", "schemaURL", "job"])
def test_event_without_a_required_key_is_refused(key: str) -> None:
    event = an_event()
    del event[key]
    with pytest.raises(SpecError, match=key):
        parse_event(json.dumps(event).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(SpecError, match="lineage event"):
        parse_event(body)


def test_names_with_nul_bytes_or_without_end_are_refused() -> None:
    for name in ("a\x00b", "n" * 5_000):
        event = {**an_event(), "job": {"namespace": "x", "name": name}}
        with pytest.raises(SpecError, match="name"):
            read_event(parse_event(json.dumps(event).encode()))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fail_otherwise(body: bytes) -> None:
    try:
        parse_event(body)
    except SpecError as error:
        assert str(error)


def test_key_order_and_white_space_do_not_make_another_event() -> None:
    event = an_event()
    again = parse_event(json.dumps(dict(reversed(event.items())), indent=3).encode())
    assert canonical_event(event) == canonical_event(again)


def test_a_steps_event_conforms_and_tells_versions_sources_verdict_and_parent() -> None:
    parent = "01a1fc25-c63e-7576-a59b-da367de33191"
    context = RunContext("run-1", "manual", "ada", "train_digits", "collect", 2, parent)
    sources = [{"uri": "https://example.org/digits.csv", "sha256": "d" * 64}]
    checks = (Check("rows", Verdict.FAILED, "too few", 3, 10),)
    report = StepReport(Step.COLLECT, "digits", Verdict.FAILED, {"raw": RAW}, checks=checks, facts={"sources": sources})
    event = parse_event(canonical_event(step_event(report, context, datetime(2026, 11, 21, tzinfo=UTC))))
    seen = read_event(event)
    assert seen is not None
    assert (seen.state, seen.job, seen.parent_run_id) == ("FAIL", "digits.collect", parent)
    assert seen.run_id == step_run_id(report, context)
    assert [(v.type, v.name, v.digest) for v in seen.inputs] == [("source", "https://example.org/digits.csv", "d" * 64)]
    assert [(v.type, v.name, v.digest) for v in seen.outputs] == [("dataset", "dataset/digits", "a" * 64)]
    tests = event["run"]["facets"]["test"]["tests"]  # type: ignore[index,call-overload]
    assert [(test["name"], test["status"]) for test in tests] == [("verdict", "fail"), ("rows", "fail")]
    assert (tests[1]["expected"], tests[1]["actual"]) == ("10", "3")
