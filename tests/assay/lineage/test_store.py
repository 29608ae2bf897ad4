"""The graph is what was told, in any order, any number of times; claims never change what is signed."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from assay.errors import EngineUnavailable, SpecError
from assay.lineage.seen import RunSeen, Version, actor_version, source_version, subject_version
from assay.lineage.store import LineageStore, ReceivedEvent, add_runs
from assay.lineage.walk import Direction, walk
from assay.records import Subject
from assay.settings import Settings

START = datetime(2026, 11, 21, tzinfo=UTC)
BYTES = source_version("https://example.org/digits.csv", "0" * 64)
ADA = actor_version("user/ada")
RAW, TRAIN, MODEL, LIVE = (
    subject_version(Subject(name, digit * 64))
    for name, digit in (("dataset/digits", "1"), ("dataset/digits.train", "2"), ("model/digits", "3"),
                        ("deployment/digits", "4"))
)  # fmt: skip


def run_of(number: int, inputs: tuple[Version, ...], outputs: tuple[Version, ...], minute: int = 0) -> RunSeen:
    run_id = f"00000000-0000-0000-0000-{number:012d}"
    at = START + timedelta(minutes=minute or number)
    return RunSeen(run_id, f"digits.step{number}", "COMPLETE", at, inputs, outputs, signed=True)


LOOP = (
    run_of(1, (BYTES, ADA), (RAW,)),
    run_of(2, (RAW, ADA), (TRAIN,)),
    run_of(3, (TRAIN, ADA), (MODEL,)),
    run_of(4, (MODEL, ADA), (LIVE,)),
)


@pytest.fixture
def lineage(database_url: str) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(Settings(database_url=SecretStr(database_url)))) as store:
        yield store


def tell(store: LineageStore, *runs: RunSeen) -> None:
    for run in runs:
        with store.database.transaction() as connection:
            add_runs(connection, [run])


def graph(store: LineageStore) -> tuple[list[tuple[object, ...]], ...]:
    tables = ("runs", "versions", "run_versions", "edges")
    with store.database.transaction() as connection:
        return tuple(sorted(connection.execute(f"SELECT * FROM assay_lineage.{table}"), key=str) for table in tables)


def names(store: LineageStore, direction: Direction, reference: str, until: datetime | None = None) -> list[str]:
    return [node.name for node in walk(store, direction, reference, until).nodes]


def test_walk_up_from_the_served_model_reaches_raw_bytes_and_the_person(lineage: LineageStore) -> None:
    tell(lineage, *LOOP)
    walked = walk(lineage, Direction.UP, LIVE.digest)
    assert {node.name for node in walked.nodes} == {v.name for v in (BYTES, ADA, RAW, TRAIN, MODEL, LIVE)}
    assert {(edge.origin, edge.result) for edge in walked.edges} >= {(BYTES.id, RAW.id), (ADA.id, RAW.id)}
    assert all(edge.signed for edge in walked.edges)


def test_walk_down_from_raw_bytes_reaches_what_serves(lineage: LineageStore) -> None:
    tell(lineage, *LOOP)
    assert names(lineage, Direction.DOWN, BYTES.digest)[-1] == "deployment/digits"
    assert names(lineage, Direction.DOWN, "model/digits") == ["model/digits", "deployment/digits"]


def test_walk_as_of_an_earlier_time_knows_nothing_later(lineage: LineageStore) -> None:
    tell(lineage, *LOOP)
    until = START + timedelta(minutes=2)
    assert names(lineage, Direction.DOWN, BYTES.digest, until)[-1] == "dataset/digits.train"


def test_later_run_over_the_same_bytes_is_no_origin_of_what_was_made_before(lineage: LineageStore) -> None:
    eve = actor_version("user/eve")
    tell(lineage, *LOOP, run_of(9, (BYTES, eve), (RAW,)))
    assert "user/eve" not in names(lineage, Direction.UP, MODEL.digest)
    assert "user/eve" in names(lineage, Direction.UP, RAW.digest)


def test_loop_through_drift_back_to_the_same_version_ends(lineage: LineageStore) -> None:
    drift = actor_version("drift/" + "5" * 64, "5" * 64)
    tell(lineage, *LOOP, run_of(5, (LIVE,), (drift,)), run_of(6, (BYTES, drift), (RAW,)), run_of(7, (RAW,), (TRAIN,)))
    assert drift.name in names(lineage, Direction.DOWN, RAW.digest)
    assert drift.name in names(lineage, Direction.UP, TRAIN.digest)


def test_inputs_version_is_never_overwritten_by_a_later_run(lineage: LineageStore) -> None:
    newer = replace(RAW, id="9" * 64, digest="9" * 64)
    tell(lineage, *LOOP, run_of(8, (newer,), (replace(TRAIN, id="8" * 64, digest="8" * 64),)))
    origins = {edge.origin for edge in walk(lineage, Direction.UP, TRAIN.digest).edges}
    assert RAW.id in origins
    assert newer.id not in origins


def test_claim_neither_moves_nor_renames_what_is_signed(lineage: LineageStore) -> None:
    tell(lineage, *LOOP)
    before = walk(lineage, Direction.UP, LIVE.digest).to_json()
    lie = replace(LOOP[3], job="zz.lie", at=START - timedelta(days=9), state="FAIL", signed=False)
    tell(lineage, lie)
    after = walk(lineage, Direction.UP, LIVE.digest).to_json()
    assert (after["nodes"], after["edges"]) == (before["nodes"], before["edges"])


def test_claimed_edge_says_that_it_is_only_claimed(lineage: LineageStore) -> None:
    tell(lineage, *LOOP, replace(run_of(7, (Version("x@1", "dataset", "x"),), (RAW,), minute=1), signed=False))
    edges = {edge.origin: edge.signed for edge in walk(lineage, Direction.UP, RAW.digest).edges}
    assert edges == {BYTES.id: True, ADA.id: True, "x@1": False}


def test_inputs_told_at_the_start_and_outputs_at_the_end_make_one_run(lineage: LineageStore) -> None:
    start = replace(LOOP[2], outputs=(), state="START", at=START)
    end = replace(LOOP[2], inputs=(), state="COMPLETE")
    tell(lineage, end, start)
    assert names(lineage, Direction.UP, MODEL.digest) == ["dataset/digits.train", "user/ada", "model/digits"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_any_repeats_of_what_is_told_give_one_graph(lineage: LineageStore, data: st.DataObject) -> None:
    claims = tuple(replace(run, signed=False, at=run.at + timedelta(seconds=7)) for run in LOOP)
    halves = tuple(replace(run, outputs=(), state="START", at=START, signed=False) for run in LOOP)
    told = (*LOOP, *claims, *halves)
    order = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=4))]))
    _empty(lineage)
    tell(lineage, *told)
    expected = graph(lineage)
    _empty(lineage)
    tell(lineage, *order)
    assert graph(lineage) == expected


def test_many_witnesses_at_once_tell_the_same_graph_as_one_by_one(lineage: LineageStore) -> None:
    halves = [half for run in LOOP for half in (replace(run, inputs=()), replace(run, outputs=()))]
    crossed = [replace(run, inputs=run.outputs, outputs=run.inputs, run_id=f"other-{run.run_id}") for run in LOOP]
    tell(lineage, *halves, *crossed)
    expected = graph(lineage)
    _empty(lineage)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: tell(lineage, run), [*halves, *crossed] * 3))
    assert graph(lineage) == expected


def test_batch_of_events_draws_the_graph_of_its_events_told_one_by_one(lineage: LineageStore) -> None:
    claims = [replace(run, signed=False, at=run.at + timedelta(seconds=7)) for run in LOOP]
    starts = [replace(run, signed=False, outputs=(), state="START", at=START) for run in LOOP]
    events = [ReceivedEvent(str(number).encode(), START, run) for number, run in enumerate([*claims, *starts])]
    for event in events:
        assert lineage.add_events([event]) == [True]
    expected = graph(lineage)
    _empty(lineage)
    assert lineage.add_events(events) == [True] * len(events)
    assert graph(lineage) == expected


def test_event_told_again_is_new_once_within_a_batch_and_over_batches(lineage: LineageStore) -> None:
    first, second, about_a_job = (
        ReceivedEvent(b"1", START, LOOP[0]), ReceivedEvent(b"2", START, LOOP[1]), ReceivedEvent(b"3", START, None)
    )  # fmt: skip
    assert lineage.add_events([first, second, first]) == [True, True, False]
    before = graph(lineage)
    assert lineage.add_events([second, about_a_job, first]) == [False, True, False]
    assert lineage.add_events([]) == []
    assert (lineage.events_stored(), graph(lineage)) == (3, before)


def test_batches_with_the_same_events_at_once_keep_each_event_once(lineage: LineageStore) -> None:
    events = [ReceivedEvent(str(number).encode(), START, run) for number, run in enumerate(LOOP * 5)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lineage.add_events, [events, events[::-1]] * 4))
    assert sum(map(sum, answers)) == lineage.events_stored() == len(events)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("dataset/nothing", "known: dataset/digits"),
        ("model/digits:7", "registered version"),
        ("model/digits@champion", "registered alias"),
        ("deployment/digits", "in service"),
        ("deadbeef", "known version"),
        ("user/nobody", "found none"),
        ("11", "expected a digest"),
        ("dataset/digits@", "expected a digest"),
        ("dataset/digits:3", "@DIGEST"),
        ("' OR 1=1", "expected a digest"),
        ("%%%%%%%%", "expected a digest"),
    ],
)
def test_reference_that_means_nothing_is_refused_with_a_hint(
    lineage: LineageStore, reference: str, reason: str
) -> None:
    tell(lineage, *LOOP)
    with pytest.raises(SpecError, match=reason):
        walk(lineage, Direction.UP, reference)


def test_digest_prefix_that_fits_two_versions_is_refused(lineage: LineageStore) -> None:
    twin = replace(RAW, id="1" * 60 + "ffff", digest="1" * 60 + "ffff")
    tell(lineage, *LOOP, run_of(5, (twin,), (MODEL,)))
    with pytest.raises(SpecError, match="give more digits"):
        walk(lineage, Direction.UP, "11111111")
    assert walk(lineage, Direction.DOWN, RAW.digest).seeds == (RAW.id,)
    assert walk(lineage, Direction.DOWN, f"dataset/digits@{'1' * 60}f").seeds == (twin.id,)


def test_store_opens_while_another_writes(lineage: LineageStore, database_url: str) -> None:
    with lineage.database.transaction() as connection:
        add_runs(connection, LOOP)
        other = Settings(database_url=SecretStr(f"{database_url} options='-c lock_timeout=2s'"))
        with contextlib.closing(LineageStore.open(other)) as second:
            second.ping()


def test_absent_database_is_an_unavailable_engine_and_no_url_a_spec_error() -> None:
    with pytest.raises(EngineUnavailable, match="assay status"):
        LineageStore.open(Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:9/none")))
    with pytest.raises(SpecError, match="ASSAY_DATABASE_URL"):
        LineageStore.open(Settings(database_url=SecretStr("")))


def _empty(store: LineageStore) -> None:
    with store.database.transaction() as connection:
        connection.execute(
            "TRUNCATE assay_lineage.events, assay_lineage.runs, assay_lineage.versions, assay_lineage.run_versions"
        )
