"""What the ledger holds is in the graph: from the served model to the raw bytes and who set it off."""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from pydantic import SecretStr

from assay.api.app import create_app
from assay.cli.lineage import lineage as lineage_command
from assay.digests import sha256_bytes
from assay.errors import IntegrityError, SpecError
from assay.json_types import Json
from assay.ledger import Ledger
from assay.lineage.emit import step_event
from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.served import served
from assay.lineage.store import LineageStore, ReceivedEvent
from assay.lineage.sync import is_behind, sync_from_ledger
from assay.lineage.walk import Direction, walk
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench

SPEC = PipelineSpec.model_validate(
    {
        "name": "digits",
        "data": {
            "collector": {"sources": [{"source": "path", "path": "digits.csv"}]},
            "loader": "models.digits:Loader",
        },
        "train": {"model": "models.digits:Model"},
    }
)
URI = "https://example.org/digits.csv"


class Pipeline:
    """Signs the reports of a run into the real ledger, one after another."""

    def __init__(self, bench: Workbench) -> None:
        ticks = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in itertools.count())
        self.bench = replace(bench, clock=lambda: next(ticks))
        self.told: list[tuple[StepReport, RunContext]] = []

    def step(
        self,
        context: RunContext,
        step: Step,
        products: Mapping[str, Subject] | None = None,
        inputs: Mapping[str, Subject] | None = None,
        verdict: Verdict = Verdict.PASSED,
        **facts: Json,
    ) -> None:
        inputs = inputs or {}
        judged = tuple(inputs) if step in (Step.GATE, Step.APPROVE, Step.WATCH) else ()
        report = StepReport(step, "digits", verdict, products or {}, inputs, judged, facts=facts)
        run_station(lambda request, bench: report, StepRequest(SPEC, context), self.bench)
        self.told.append((report, context))

    def run(self, context: RunContext, data: str, version: int) -> None:
        """Collect `data`, train, approve (by bob) and deploy it as `version`."""
        raw, train = subject("dataset/digits", data), subject("dataset/digits.train", data)
        candidate, model = subject("model/digits", f"{data} candidate"), subject("model/digits", data)
        sources = [{"uri": URI, "sha256": sha256_bytes(data.encode())}]
        self.step(context, Step.COLLECT, {"raw": raw}, sources=sources)
        self.step(context, Step.SPLIT, {"train": train}, {"raw": raw})
        self.step(context, Step.TRAIN, {"candidate": candidate}, {"train": train})
        self.step(context, Step.EXPORT, {"model": model}, {"candidate": candidate})
        self.step(context, Step.GATE, inputs={"model": model})
        self.step(context, Step.APPROVE, inputs={"model": model}, responder="bob", requester=context.actor)
        self.step(context, Step.REGISTER, {"registered": model}, {"model": model}, version=version, alias="challenger")
        self.step(context, Step.DEPLOY, {"deployment": live(version)}, {"model": model}, version=version)

    def drift(self, version: int) -> str:
        """A failed watch of `version`; the sha256 of its ledger entry."""
        window = {"window": subject("dataset/digits.window", f"window {version}")}
        context = RunContext(f"watch-{version}", "schedule")
        self.step(context, Step.WATCH, window, {"deployment": live(version)}, Verdict.FAILED)
        return self.bench.ledger.find(step=Step.WATCH, pipeline="digits", limit=1)[0].sha256


def subject(name: str, content: str) -> Subject:
    return Subject(name, sha256_bytes(f"{name} {content}".encode()))


def live(version: int) -> Subject:
    return subject("deployment/digits", str(version))


@pytest.fixture
def pipeline(bench: Workbench) -> Pipeline:
    return Pipeline(bench)


@pytest.fixture
def lineage(settings: Settings) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(settings)) as lineage:
        yield lineage


@pytest.fixture
def twice(pipeline: Pipeline) -> str:
    """Ada trains version 1, it drifts, drift alone trains version 2; the drift entry's sha256."""
    pipeline.run(RunContext("first", "manual", "ada"), "monday", 1)
    drift = pipeline.drift(1)
    pipeline.run(RunContext("second", "drift", drift), "tuesday", 2)
    return drift


def names(lineage: LineageStore, direction: Direction, reference: str, until: datetime | None = None) -> set[str]:
    return {node.name for node in walk(lineage, direction, reference, until).nodes}


def test_first_served_model_leads_up_to_raw_bytes_and_the_people(pipeline: Pipeline, lineage: LineageStore) -> None:
    pipeline.run(RunContext("first", "manual", "ada"), "monday", 1)
    sync_from_ledger(pipeline.bench.ledger, lineage)
    found = names(lineage, Direction.UP, "deployment/digits")
    assert {"deployment/digits", "model/digits", "dataset/digits", URI, "user/ada", "user/bob"} <= found


def test_drift_leads_up_into_the_window_and_the_version_before(
    pipeline: Pipeline, lineage: LineageStore, twice: str
) -> None:
    sync_from_ledger(pipeline.bench.ledger, lineage)
    walked = walk(lineage, Direction.UP, "deployment/digits")
    found = {node.name for node in walked.nodes}
    assert walked.seeds == (live(2).sha256,)
    assert {f"drift/{twice}", "dataset/digits.window", "user/ada", "schedule/digits"} <= found
    assert {live(1).sha256, live(2).sha256} <= {node.digest for node in walked.nodes}
    assert next(node.digest for node in walked.nodes if node.name.startswith("drift/")) == twice


def test_first_model_knows_nothing_of_what_came_later(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    sync_from_ledger(pipeline.bench.ledger, lineage)
    assert f"drift/{twice}" not in names(lineage, Direction.UP, "model/digits:1")
    assert f"drift/{twice}" in names(lineage, Direction.UP, "model/digits@champion")
    assert f"drift/{twice}" in names(lineage, Direction.DOWN, "user/ada")


def test_challenger_is_lost_once_its_model_serves(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    third = subject("model/digits", "wednesday")
    sync_from_ledger(pipeline.bench.ledger, lineage)
    with pytest.raises(SpecError, match="registered alias"):
        walk(lineage, Direction.UP, "model/digits@challenger")
    pipeline.step(
        RunContext("3"), Step.REGISTER, {"registered": third}, {"model": third}, version=3, alias="challenger"
    )
    sync_from_ledger(pipeline.bench.ledger, lineage)
    assert walk(lineage, Direction.UP, "model/digits@challenger").seeds == (third.sha256,)


def test_ledger_that_was_cut_is_not_walked(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    sync_from_ledger(pipeline.bench.ledger, lineage)
    _remove(pipeline.bench.ledger, 16)
    with pytest.raises(IntegrityError, match="removed"):
        sync_from_ledger(pipeline.bench.ledger, lineage)
    with pytest.raises(IntegrityError, match="removed"):
        is_behind(lineage)


def test_entry_taken_out_before_it_was_read_is_missed(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    _remove(pipeline.bench.ledger, 7)
    with pytest.raises(IntegrityError, match="expected entry 7 next, found 8"):
        sync_from_ledger(pipeline.bench.ledger, lineage)
    assert is_behind(lineage)


def test_changed_entry_is_not_believed(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    with _superuser(pipeline.bench.ledger):
        pipeline.bench.ledger.connection.execute(
            "UPDATE assay_ledger.entries SET envelope = replace(envelope, 'A', 'B') WHERE seq = 3"
        )
    with pytest.raises(IntegrityError, match="entry 3"):
        sync_from_ledger(pipeline.bench.ledger, lineage)


def test_reading_the_ledger_again_adds_nothing(pipeline: Pipeline, lineage: LineageStore, twice: str) -> None:
    assert sync_from_ledger(pipeline.bench.ledger, lineage) == len(pipeline.told) == 17
    assert not is_behind(lineage)
    assert sync_from_ledger(pipeline.bench.ledger, lineage) == 0
    pipeline.step(RunContext("x"), Step.CUT_OUT, reason="broken")
    assert is_behind(lineage)
    assert sync_from_ledger(pipeline.bench.ledger, lineage) == 1


def test_emitted_events_of_the_same_steps_draw_no_second_graph(
    pipeline: Pipeline, lineage: LineageStore, twice: str
) -> None:
    sync_from_ledger(pipeline.bench.ledger, lineage)
    before = walk(lineage, Direction.UP, "deployment/digits").to_json()
    for report, context in pipeline.told:
        event = parse_event(canonical_event(step_event(report, context, datetime.now(UTC))))
        received = ReceivedEvent(canonical_event(event), event_time(event), read_event(event))
        assert lineage.add_events([received]) == [True]
    after = walk(lineage, Direction.UP, "deployment/digits").to_json()
    assert (after["nodes"], after["edges"]) == (before["nodes"], before["edges"])


def test_served_says_what_since_when_until_when_and_by_whom(
    pipeline: Pipeline, lineage: LineageStore, twice: str
) -> None:
    sync_from_ledger(pipeline.bench.ledger, lineage)
    (now,) = served(lineage)
    assert (now.name, now.version, now.deployment, now.until) == ("digits", "2", live(2).sha256, None)
    assert now.approved_by == ["bob", "gate"]
    (then,) = served(lineage, _just_before(now.since), "digits")
    assert (then.version, then.model, then.until) == ("1", subject("model/digits", "monday").sha256, now.since)
    assert served(lineage, _just_before(then.since)) == ()
    assert served(lineage, name="other") == ()


def test_rollback_serves_the_version_before_and_cut_out_nothing(
    pipeline: Pipeline, lineage: LineageStore, twice: str
) -> None:
    model = subject("model/digits", "monday")
    pipeline.step(RunContext("r", "manual", "eve"), Step.ROLLBACK, {"deployment": live(1)}, {"model": model}, version=1)
    sync_from_ledger(pipeline.bench.ledger, lineage)
    (now,) = served(lineage)
    assert (now.version, now.step, now.deployment) == ("1", "rollback", live(1).sha256)
    pipeline.step(RunContext("c", "manual", "eve"), Step.CUT_OUT, reason="leak")
    sync_from_ledger(pipeline.bench.ledger, lineage)
    assert served(lineage) == ()


def test_refused_deployment_does_not_serve(pipeline: Pipeline, lineage: LineageStore) -> None:
    pipeline.step(RunContext("a"), Step.DEPLOY, inputs={"model": subject("model/digits", "x")}, verdict=Verdict.FAILED)
    sync_from_ledger(pipeline.bench.ledger, lineage)
    assert served(lineage) == ()


def test_command_prints_one_json_document(pipeline: Pipeline, twice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(pipeline.bench.settings, monkeypatch)
    answer = CliRunner().invoke(lineage_command, ["up", "deployment/digits", "--json"])
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    assert {"nodes", "edges", "seconds"} <= document.keys()
    assert {"id", "type", "name", "digest", "at"} <= document["nodes"][0].keys()
    assert {"from", "to", "run"} <= document["edges"][0].keys()
    assert document["seconds"] < 1
    ids = {node["id"] for node in document["nodes"]}
    assert all(edge["from"] in ids and edge["to"] in ids for edge in document["edges"])


def test_command_draws_a_plain_tree_and_says_who_served(
    pipeline: Pipeline, twice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _configure(pipeline.bench.settings, monkeypatch)
    tree = CliRunner().invoke(lineage_command, ["up", "deployment/digits"]).stdout
    assert tree.startswith(f"deployment/digits {live(2).sha256[:12]}\n")
    assert f"drift/{twice[:12]}" in tree
    assert "\x1b" not in tree
    line = CliRunner().invoke(lineage_command, ["served"]).stdout
    assert line.startswith("digits version 2 ")
    assert line.endswith("still; by bob, gate\n")


def test_api_answers_the_same_walk_and_counts_the_ledger(pipeline: Pipeline, twice: str) -> None:
    settings = pipeline.bench.settings.model_copy(update={"api_token": SecretStr("secret")})
    with TestClient(create_app(settings), headers={"Authorization": "Bearer secret"}) as client:
        walked = client.get("/api/v1/lineage/up", params={"ref": "deployment/digits"}).json()
        assert f"drift/{twice}" in {node["name"] for node in walked["nodes"]}
        assert client.get("/api/v1/lineage/up", params={"ref": "nonsense"}).status_code == 400
        assert client.get("/api/v1/lineage/sideways", params={"ref": "x"}).status_code == 404
        assert client.get("/api/v1/lineage/up", params={"ref": "x", "at": "noon"}).status_code == 400
        assert client.get("/api/v1/served").json()["deployments"][0]["version"] == "2"
        assert "assay_ledger_entries 17" in client.get("/metrics").text


def _remove(ledger: Ledger, seq: int) -> None:
    with _superuser(ledger):
        ledger.connection.execute("DELETE FROM assay_ledger.subjects WHERE seq = %s", (seq,))
        ledger.connection.execute("DELETE FROM assay_ledger.entries WHERE seq = %s", (seq,))


@contextlib.contextmanager
def _superuser(ledger: Ledger) -> Iterator[None]:
    """Somebody who can switch the triggers off."""
    for table in ("entries", "subjects"):
        ledger.connection.execute(f"ALTER TABLE assay_ledger.{table} DISABLE TRIGGER ALL".encode())
    yield


def _just_before(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() - 1e-5, UTC)


def _configure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.setenv("ASSAY_KEYS", str(settings.keys))
    monkeypatch.setenv("ASSAY_DATABASE_URL", settings.database_url.get_secret_value())
