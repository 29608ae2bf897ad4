"""A walk finds what can be reached in time order, no more and no less, within its bound, and reads no table through."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from assay.errors import SpecError
from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.question import ask
from assay.lineage.seen import RunSeen, Version
from assay.lineage.served import served
from assay.lineage.store import LineageStore, ReceivedEvent, add_runs
from assay.lineage.walk import Direction, Walk, walk
from assay.questions.exposure import exposure
from assay.settings import Settings
from benchmarks import lineage_graph
from benchmarks.lineage_plans import plans_of

START = datetime(2026, 11, 21, tzinfo=UTC)
EdgeKey = tuple[str, str, str]


@pytest.fixture
def lineage(database_url: str) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(Settings(database_url=SecretStr(database_url)))) as store:
        yield store


def version(number: int) -> Version:
    digest = f"{number:064x}"
    return Version(digest, "dataset", f"dataset/d{number}", digest)


def run_of(number: int, inputs: Sequence[int], outputs: Sequence[int], minute: int) -> RunSeen:
    at = START + timedelta(minutes=minute)
    return RunSeen(f"run-{number}", "job", "COMPLETE", at, tuple(map(version, inputs)), tuple(map(version, outputs)))


def tell(store: LineageStore, runs: Sequence[RunSeen]) -> None:
    with store.database.transaction() as connection:
        connection.execute("TRUNCATE assay_lineage.runs, assay_lineage.versions, assay_lineage.run_versions")
        add_runs(connection, runs)


def reached_by_hand(runs: Sequence[RunSeen], seed: str, direction: Direction) -> tuple[set[str], set[EdgeKey]]:
    """Every edge is tried until nothing more is found."""
    edges = [(i.id, o.id, run) for run in runs for i in run.inputs for o in run.outputs if i.id != o.id]
    open_from: dict[str, datetime | None] = {seed: None}
    while True:
        before = dict(open_from)
        found = set[EdgeKey]()
        for origin, result, run in edges:
            near, far = (result, origin) if direction is Direction.UP else (origin, result)
            if near in open_from and not _past(run.at, open_from[near], direction):
                found.add((origin, result, run.run_id))
                if far not in open_from or (open_from[far] and _past(run.at, open_from[far], direction)):
                    open_from[far] = run.at
        if open_from == before:
            return set(open_from), found


def _past(at: datetime | None, bound: datetime | None, direction: Direction) -> bool:
    if at is None or bound is None:
        return False
    return at > bound if direction is Direction.UP else at < bound


def found_by(walked: Walk) -> tuple[set[str], set[EdgeKey]]:
    return {node.id for node in walked.nodes}, {(edge.origin, edge.result, edge.run) for edge in walked.edges}


some_versions = st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(some_versions, some_versions, st.integers(0, 9)), min_size=1, max_size=12), st.integers(0, 7))
def test_walk_finds_what_trying_every_edge_finds(
    lineage: LineageStore, told: list[tuple[list[int], list[int], int]], seed: int
) -> None:
    runs = [run_of(number, *run) for number, run in enumerate([*told, ([seed], [8], 5)])]
    tell(lineage, runs)
    for direction in Direction:
        walked = walk(lineage, direction, version(seed).digest)
        assert found_by(walked) == reached_by_hand(runs, version(seed).id, direction)
        assert not walked.truncated


def test_diamonds_thirty_deep_are_walked_as_whole_as_chains(lineage: LineageStore) -> None:
    """Ways from top to bottom: 6 to the power of 30, and more by the links that skip a level."""
    minute, number = itertools.count(), itertools.count()
    levels = [[next(number) for _ in range(6)] for _ in range(30)]
    runs = [
        run_of(place, [*levels[level - 1], *levels[max(0, level - 2)]], [made], next(minute))
        for place, (level, made) in enumerate((level, made) for level in range(1, 30) for made in levels[level])
    ]
    tell(lineage, runs)
    up, down = walk(lineage, Direction.UP, version(levels[-1][-1]).digest), walk(lineage, Direction.DOWN, f"{0:064x}")
    assert (len(up.nodes), len(down.nodes)) == (29 * 6 + 1, 29 * 6 + 1)
    assert found_by(up) == reached_by_hand(runs, up.seeds[0], Direction.UP)
    assert up.seconds < 5


def test_wide_answer_is_cut_and_says_so(lineage: LineageStore) -> None:
    tell(lineage, [run_of(number, [0], [number], number) for number in range(1, 60)])
    cut, whole = (walk(lineage, Direction.DOWN, "dataset/d0", limit=limit) for limit in (10, 60))
    assert (len(cut.nodes), cut.truncated, cut.limit) == (10, True, 10)
    assert {node.id for node in cut.nodes} >= {edge.result for edge in cut.edges}
    assert (len(whole.nodes), len(whole.edges), whole.truncated) == (60, 59, False)
    assert {"nodes", "edges", "seconds", "truncated", "limit"} <= cut.to_json().keys()


def test_run_that_flooded_edges_is_cut_and_says_so(lineage: LineageStore) -> None:
    """100 inputs and 100 outputs are 10,000 edges between 200 versions."""
    tell(lineage, [run_of(0, range(100), range(100, 200), 0), run_of(1, range(100, 200), [200], 1)])
    walked = walk(lineage, Direction.UP, version(200).digest, limit=300)
    assert (len(walked.edges), walked.truncated) == (1200, True)
    assert walk(lineage, Direction.UP, version(200).digest).truncated is False


def refused(question: Callable[[], object]) -> None:
    with pytest.raises(SpecError):
        question()


def test_no_question_reads_a_table_through(lineage: LineageStore, database_url: str, tmp_path: Path) -> None:
    settings = Settings(
        store_url=(tmp_path / "store").as_uri(), keys=tmp_path / "keys", database_url=SecretStr(database_url)
    )
    bodies = itertools.islice(lineage_graph.events(), 20_000)
    while batch := [parse_event(body) for body in itertools.islice(bodies, 2_000)]:
        lineage.add_events([ReceivedEvent(canonical_event(e), event_time(e), read_event(e)) for e in batch])
    _fill_servings(lineage)
    deep, hub = lineage_graph.chain_name(40, 29), lineage_graph.hub_name(3)
    for question in (
        lambda store: walk(store, Direction.UP, deep),
        lambda store: walk(store, Direction.UP, lineage_graph.digest((deep, 0))[:12]),
        lambda store: walk(store, Direction.DOWN, hub),
        lambda store: walk(store, Direction.DOWN, "model/m0001:7"),
        lambda store: walk(store, Direction.UP, "deployment/s7"),
        lambda store: walk(store, Direction.DOWN, "dataset/calendar", START),
        lambda store: served(store, START + timedelta(minutes=3)),
        lambda store: served(store, name="s3"),
        lambda store: exposure(store, Settings(), hub, None, ()),
        lambda store: refused(lambda: walk(store, Direction.UP, "dataset/unknown")),
        lambda store: refused(lambda: walk(store, Direction.UP, "source/unknown")),
        lambda store: refused(lambda: ask(store, settings, Direction.UP, f"row/{hub[8:]}/7")),
    ):
        plans = plans_of(database_url, question)
        assert plans
        for _, plan in plans:
            assert not re.search(r"Seq Scan on (?!progress)\w+", plan), plan


def _fill_servings(lineage: LineageStore) -> None:
    with lineage.database.transaction() as connection:
        connection.execute(
            "INSERT INTO assay_lineage.servings SELECT n, 's' || mod(n, 10), 'deploy', n::text, md5(n::text), %s, '',"
            " %s::timestamptz + n * interval '1 s' FROM generate_series(1, 5000) n",
            (lineage_graph.digest(("deployment/m0025", 0)), START),
        )
        connection.execute(
            "INSERT INTO assay_lineage.registrations SELECT n, 'model/m' || lpad(mod(n, 50)::text, 4, '0'),"
            " (n / 50)::text, '', %s, %s FROM generate_series(1, 5000) n",
            (lineage_graph.digest(("model/m0001", 0)), START),
        )
        connection.execute(
            "INSERT INTO assay_lineage.approvals SELECT n, md5(n::text), 'ada', %s FROM generate_series(1, 5000) n",
            (START,),
        )
    with lineage.database.transaction() as connection:
        connection.execute("ANALYZE")


def test_walk_enters_its_ends_and_does_not_go_on_from_them(lineage: LineageStore) -> None:
    live = Version("e" * 64, "deployment", "deployment/d", "e" * 64)
    model, later = run_of(0, [0], [1], 0), run_of(2, [1], [2], 2)
    tell(lineage, [model, replace(run_of(1, [1], [], 1), outputs=(live,)), replace(later, inputs=(live,))])
    whole, ended = (walk(lineage, Direction.DOWN, version(0).digest, ends=ends) for ends in ((), ("deployment",)))
    assert [node.name for node in whole.nodes] == ["dataset/d0", "dataset/d1", "deployment/d", "dataset/d2"]
    assert [node.name for node in ended.nodes] == ["dataset/d0", "dataset/d1", "deployment/d"]
    assert walk(lineage, Direction.DOWN, live.digest, ends=("deployment",)).nodes[-1].name == "dataset/d2"
