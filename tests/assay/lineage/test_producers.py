"""Spark, Flink and dbt tell of their part, Assay of its own: one graph, and what is claimed stays a claim."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.errors import SpecError
from assay.lineage.dataset_name import dataset_identity, dataset_uri
from assay.lineage.openlineage import canonical_event, parse_event, read_event
from assay.lineage.receive import keep_event
from assay.lineage.seen import RunSeen
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.lineage.walk import Direction, Walk, walk
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench

EVENTS = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "events/producers").glob("*.json")}
URI, DIGEST, RAW = "s3://bucket/raw/digits.csv", "d" * 64, Subject("dataset/digits", "a" * 64)
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


@pytest.fixture
def lineage(settings: Settings) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(settings)) as lineage:
        yield lineage


def seen_in(event: dict[str, Any] | bytes) -> RunSeen:
    seen = read_event(parse_event(event if isinstance(event, bytes) else canonical_event(event)))
    assert seen is not None
    return seen


def edges(walked: Walk) -> list[tuple[str, str, str, bool]]:
    return [(edge.origin, edge.result, edge.job, edge.signed) for edge in walked.edges]


def collect(bench: Workbench, lineage: LineageStore) -> None:
    """Assay reads the file that Spark wrote; the store called those bytes `v7`."""
    facts = {"sources": [{"uri": URI, "sha256": DIGEST, "etag": "v7"}]}
    report = StepReport(Step.COLLECT, "digits", Verdict.PASSED, {"raw": RAW}, facts=facts)
    run_station(lambda request, bench: report, StepRequest(SPEC, RunContext("run-1")), bench)
    sync_from_ledger(bench.ledger, lineage)


def test_versions_symlinks_and_bare_names_are_read_by_openlineages_naming() -> None:
    spark, flink, dbt = (seen_in(EVENTS[name]) for name in ("spark_append", "flink_stream", "dbt_model"))
    assert [version.id for version in spark.inputs] == [
        "s3://lake/orders@4411",
        "hive://metastore:9083/sales.orders@4411",
    ]
    assert [version.id for version in spark.outputs] == [f"{URI}@v7"]
    assert (spark.job, spark.parent_run_id) == (
        "spark/orders_etl.execute_append_data",
        "01a1f000-0000-7000-8000-0000000000aa",
    )
    assert [version.id for version in (*flink.inputs, *flink.outputs)] == [
        "kafka://broker:9092/orders@", "postgres://db:5432/shop.public.orders@"
    ]  # fmt: skip
    assert (flink.state, flink.at.isoformat()) == ("RUNNING", "2026-11-20T00:00:00.500000+00:00")
    assert dbt.inputs == flink.outputs


@pytest.mark.parametrize("order", itertools.permutations(range(2)))
def test_what_spark_wrote_and_assay_read_is_one_graph_in_any_order(
    bench: Workbench, lineage: LineageStore, order: tuple[int, ...]
) -> None:
    told = (lambda: keep_event(lineage, EVENTS["spark_append"]), lambda: collect(bench, lineage))
    for step in order:
        told[step]()
    spark = "spark/orders_etl.execute_append_data"
    up = edges(walk(lineage, Direction.UP, RAW.sha256))
    assert ("s3://lake/orders@4411", f"{URI}@v7", spark, False) in up
    assert (f"{URI}@v7", RAW.sha256, "digits.collect", True) in up
    down = walk(lineage, Direction.DOWN, "source/hive://metastore:9083/sales.orders")
    assert RAW.sha256 in {node.id for node in down.nodes}


def test_a_writer_that_tells_the_digest_meets_the_bytes_themselves(bench: Workbench, lineage: LineageStore) -> None:
    event = json.loads(EVENTS["spark_append"])
    event["outputs"][0]["facets"]["version"]["datasetVersion"] = f"sha256:{DIGEST.upper()}"
    keep_event(lineage, canonical_event(event))
    collect(bench, lineage)
    assert {"s3://lake/orders@4411", DIGEST} <= {node.id for node in walk(lineage, Direction.UP, RAW.sha256).nodes}


def test_producers_without_versions_meet_by_name(lineage: LineageStore) -> None:
    keep_event(lineage, EVENTS["dbt_model"])
    keep_event(lineage, EVENTS["flink_stream"])
    walked = walk(lineage, Direction.UP, "source/postgres://db:5432/shop.public.customers")
    assert {node.name for node in walked.nodes} == {
        "kafka://broker:9092/orders", "postgres://db:5432/shop.public.orders", "postgres://db:5432/shop.public.customers"
    }  # fmt: skip
    assert not any(edge.signed for edge in walked.edges)


def test_a_bare_name_of_assays_own_namespace_draws_nothing() -> None:
    event = json.loads(EVENTS["dbt_model"])
    event["outputs"] = [{"namespace": "assay", "name": "model/digits"}]
    assert seen_in(event).outputs == ()


def test_a_deleted_version_facet_names_no_version() -> None:
    event = json.loads(EVENTS["spark_append"])
    event["outputs"][0]["facets"]["version"]["_deleted"] = True
    assert [version.id for version in seen_in(event).outputs] == [f"{URI}@"]


def test_a_dataset_of_a_thousand_names_is_refused() -> None:
    event = json.loads(EVENTS["spark_append"])
    event["inputs"][0]["facets"]["symlinks"]["identifiers"] *= 1_000
    seen_in(event)  # one name, however often
    for number, identifier in enumerate(identifiers := [{"namespace": "n", "type": "T"} for _ in range(1_000)]):
        identifier["name"] = str(number)
    event["inputs"][0]["facets"]["symlinks"]["identifiers"] = identifiers
    with pytest.raises(SpecError, match="at most 500 versions a side, found 1001"):
        seen_in(event)


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        ("s3://bucket/raw/x.csv", ("s3://bucket", "raw/x.csv")),
        ("file:///data/x.csv", ("file", "/data/x.csv")),
        ("https://example.org/a?b=c#d", ("https://example.org", "a?b=c#d")),
        ("pkg:pypi/x@1", None),
        ("file:data/x.csv", None),
        ("/data/x.csv", None),
        ("s3://bucket", None),
    ],
)
def test_a_uri_and_openlineages_names_are_one_thing_or_none(uri: str, identity: tuple[str, str] | None) -> None:
    assert dataset_identity(uri) == identity
    if identity:
        assert dataset_uri(*identity) == uri
