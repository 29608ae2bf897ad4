"""What the published client can send is accepted; every way to break it that we know is refused with its place."""

import copy
import enum
import importlib
import inspect
import json
import pkgutil
import re
import time
import types
import typing
from pathlib import Path
from typing import Any

import attr
import pytest
from openlineage.client import generated
from openlineage.client.generated import base
from openlineage.client.serde import Serde

from assay.errors import SpecError
from assay.lineage.conformance import check_event
from assay.lineage.facet_schemas import facet_rules
from assay.lineage.openlineage import parse_event

PUBLISHED = Path(__file__).parent / "events" / "published"
RUN_ID = "01a1fc25-c63e-7576-a59b-da367de33191"
PRODUCER = "https://example.org/producer"
BASES = {
    base.InputDatasetFacet: "input",
    base.OutputDatasetFacet: "output",
    base.DatasetFacet: "dataset",
    base.JobFacet: "job",
    base.RunFacet: "run",
}
KEYS = {(rule.place, rule.document): rule.key for rule in facet_rules()}


def classes() -> list[type[base.BaseFacet]]:
    names = [f"{generated.__name__}.{module.name}" for module in pkgutil.iter_modules(generated.__path__)]
    defined = [one for name in names for _, one in inspect.getmembers(importlib.import_module(name), inspect.isclass)
               if one.__module__ == name and name != base.__name__]  # fmt: skip
    return [one for one in defined if issubclass(one, base.BaseFacet) and not one.__subclasses__()]


def place_of(facet: type[base.BaseFacet]) -> str:
    return next(place for kind, place in BASES.items() if issubclass(facet, kind))


def example(kind: Any, name: str = "", depth: int = 0) -> Any:
    """A value of a field of the published client, as full as it can be."""
    arguments = [one for one in typing.get_args(kind) if one is not type(None)]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return example(arguments[0], name, depth)
    if arguments:
        return _container(typing.get_origin(kind), arguments, name, depth + 1)
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    if inspect.isclass(kind) and attr.has(kind):
        return filled(kind, depth + 1)
    return _scalar(kind, name)


def _container(kind: Any, arguments: list[Any], name: str, depth: int) -> Any:
    if kind is typing.Literal:
        return arguments[0]
    return [example(arguments[0], name, depth)] if kind is list else {"key": example(arguments[1], name, depth)}


def filled(kind: Any, depth: int = 0) -> Any:
    hints = typing.get_type_hints(kind)
    fields = [field for field in attr.fields(kind) if field.init and not field.name.startswith("_")]
    fixed = [field.name for field in fields if isinstance(field.default, str)]
    told = [field for field in fields if field.name not in fixed and (depth < 4 or field.default is attr.NOTHING)]
    return kind(**{field.name: example(hints[field.name], field.name, depth) for field in told})


def _scalar(kind: Any, name: str) -> Any:
    if kind is str:
        by_name = {"runId": RUN_ID, "uri": PRODUCER, "url": PRODUCER}
        return by_name.get(name, "2026-11-21T05:00:00Z" if re.search("Time|Date|lastUpdated", name) else "text")
    return {bool: True, int: 7, float: 0.5}.get(kind, {})


def sent(facet: type[base.BaseFacet]) -> dict[str, Any]:
    """The facet as the client puts it on the wire."""
    told = Serde.to_dict(filled(facet))
    return {**told, "_producer": PRODUCER}


def event_with(place: str, key: str, facet: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"eventTime": "2026-11-21T05:00:00Z", "producer": PRODUCER, "schemaURL": PRODUCER}
    event |= {"run": {"runId": RUN_ID}, "job": {"namespace": "n", "name": "j"}}
    if place in ("run", "job"):
        event[place]["facets"] = {key: facet}
        return event
    own = "facets" if place == "dataset" else f"{place}Facets"
    side = "outputs" if place == "output" else "inputs"
    return {**event, side: [{"namespace": "n", "name": "d", own: {key: facet}}]}


def key_of(facet: type[base.BaseFacet]) -> tuple[str, str]:
    document = facet._get_schema().partition(".json")[0].rpartition("/")[2]
    return place_of(facet), KEYS[place_of(facet), document]


@pytest.mark.parametrize("facet", classes(), ids=lambda facet: facet.__name__)
def test_every_facet_the_published_client_knows_is_accepted_and_checked(facet: type[base.BaseFacet]) -> None:
    place, key = key_of(facet)
    whole = sent(facet)
    check_event(event_with(place, key, whole))
    needed = [field.name for field in attr.fields(facet) if field.default is attr.NOTHING and field.init]
    for name in ("_producer", "_schemaURL", *needed):
        broken = copy.deepcopy(whole)
        del broken[name]
        with pytest.raises(SpecError, match=rf"/{key}: \"{name}\" is a required property"):
            check_event(event_with(place, key, broken))


def test_no_standard_facet_is_unknown_to_us() -> None:
    assert {key_of(facet) for facet in classes()} <= {(rule.place, rule.key) for rule in facet_rules()}
    assert len(classes()) > 35


@pytest.mark.parametrize(
    ("place", "key", "change", "where"),
    [
        ("dataset", "version", {"datasetVersion": 3}, "inputs/0/facets/version/datasetVersion"),
        ("dataset", "schema", {"fields": [{"name": "a"}, {"type": "int"}]}, "inputs/0/facets/schema/fields/1"),
        ("dataset", "schema", {"fields": [{"name": "a", "fields": [{}]}]}, "schema/fields/0/fields/0"),
        ("dataset", "symlinks", {"identifiers": [{"namespace": "a", "name": "b"}]}, "symlinks/identifiers/0"),
        ("dataset", "columnLineage", {"fields": {"c": {"inputFields": [{}]}}}, "columnLineage/fields/c/inputFields/0"),
        ("dataset", "lifecycleStateChange", {"lifecycleStateChange": "LOST"}, "lifecycleStateChange"),
        ("dataset", "ownership", {"owners": [{"no-name": "x"}]}, "ownership/owners/0"),
        ("run", "parent", {"run": {"runId": "17"}}, "run/facets/parent/run/runId"),
        ("run", "parent", {"job": {"name": "a"}}, "run/facets/parent/job"),
        ("run", "nominalTime", {"nominalStartTime": "2026-11-21"}, "nominalTime/nominalStartTime"),
        ("run", "executionParameters", {"parameters": [{"key": "a", "secret": "b"}]}, "parameters/0"),
        ("job", "jobType", {"emissionPattern": {"eventTrigger": "a", "eventContentMode": "b", "windowDuration": 0}},
         "emissionPattern/windowDuration"),
        ("job", "lineage", {"entries": [{"type": "JOB", "name": "a"}]}, "lineage/entries/0"),
        ("input", "dataQualityMetrics", {"columnMetrics": {"c": {"nullCount": 0.5}}}, "columnMetrics/c/nullCount"),
        ("input", "subset", {"inputCondition": {"type": "location"}}, "inputFacets/subset/inputCondition"),
        ("output", "outputStatistics", {"rowCount": "many"}, "outputs/0/outputFacets/outputStatistics/rowCount"),
    ],
)  # fmt: skip
def test_facet_broken_inside_is_refused_with_its_place(
    place: str, key: str, change: dict[str, Any], where: str
) -> None:
    facet = next(sent(one) for one in classes() if key_of(one) == (place, key))
    check_event(event_with(place, key, facet))
    with pytest.raises(SpecError, match=where):
        check_event(event_with(place, key, {**facet, **change}))


def test_the_url_of_a_standard_facet_cannot_be_used_to_leave_its_rules() -> None:
    for url in (PRODUCER, "https://openlineage.io/spec/facets/1-9-9/DatasetVersionDatasetFacet.json"):
        with pytest.raises(SpecError, match="datasetVersion"):
            check_event(event_with("dataset", "version", {"_producer": PRODUCER, "_schemaURL": url}))


def test_own_facets_newer_models_and_deleted_facets_follow_the_base_rules() -> None:
    own = {"_producer": PRODUCER, "_schemaURL": PRODUCER, "anything": [None]}
    check_event(event_with("run", "acme_cost", own))
    newer = {**own, "_schemaURL": "https://openlineage.io/spec/facets/2-0-0/StorageDatasetFacet.json#/$defs/X"}
    check_event(event_with("dataset", "storage", newer))
    check_event(event_with("dataset", "version", {**own, "_deleted": True}))
    for lacking in ("_producer", "_schemaURL"):
        with pytest.raises(SpecError, match=f'acme_cost: "{lacking}"'):
            check_event(event_with("run", "acme_cost", {key: own[key] for key in own if key != lacking}))


@pytest.mark.parametrize(("place", "key"), [("dataset", "version"), ("dataset", "symlinks"), ("run", "parent")])
def test_what_the_graph_reads_follows_the_rules_it_knows_whatever_model_it_names(place: str, key: str) -> None:
    url = "https://openlineage.io/spec/facets/9-0-0/SomethingFacet.json"
    unread = {"_producer": PRODUCER, "_schemaURL": url, "identifiers": 3, "datasetVersion": 3, "run": 3}
    with pytest.raises(SpecError, match=f"facets/{key}"):
        check_event(event_with(place, key, unread))


def test_what_a_kind_of_event_does_not_know_may_be_anything() -> None:
    base_event = {"eventTime": "2026-11-21T05:00:00Z", "producer": PRODUCER, "schemaURL": PRODUCER}
    known = {"namespace": "n", "name": "d"}
    for anything in (3, "x", None, {"facets": 3}, [3], [{"facets": {"version": 3}}]):
        others = {"inputs": anything, "outputs": anything, "run": anything}
        check_event({**base_event, "dataset": known, **others})
        check_event({**event_with("job", "x", {"_producer": PRODUCER, "_schemaURL": PRODUCER}), "dataset": anything})


def test_a_standard_facet_under_another_key_follows_the_document_it_names() -> None:
    facet = {"_producer": PRODUCER, "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/SQLJobFacet.json"}
    with pytest.raises(SpecError, match='job/facets/acme_sql: "query" is a required property'):
        check_event(event_with("job", "acme_sql", facet))


def test_event_must_be_exactly_one_kind() -> None:
    event = event_with("run", "x", {"_producer": PRODUCER, "_schemaURL": PRODUCER})
    both = {**event, "dataset": {"namespace": "n", "name": "d"}}
    check_event(both)  # a run event: the specification rules out the other two
    del both["run"]
    with pytest.raises(SpecError, match="expected one kind of event, found DatasetEvent and JobEvent"):
        check_event(both)
    del event["job"]
    with pytest.raises(SpecError, match='"job" is a required property'):
        check_event(event)


def test_the_clients_published_example_is_accepted() -> None:
    assert parse_event((PUBLISHED / "example_full_event.json").read_bytes())["eventType"] == "COMPLETE"


@pytest.mark.parametrize("name", ["dataset", "job", "run"])
def test_published_events_whose_time_has_no_offset_are_refused_for_that(name: str) -> None:
    body = (PUBLISHED / f"serde_example_{name}_event.json").read_bytes()
    with pytest.raises(SpecError, match=r'eventTime: .* is not a "date-time"'):
        parse_event(body)
    mended = json.loads(body) | {"eventTime": "2021-11-03T10:53:52Z", "run": {"runId": RUN_ID}}
    if name == "run":
        parse_event(json.dumps(mended).encode())


def conditions(depth: int) -> dict[str, Any]:
    return {"type": "binary", "left": conditions(depth - 1), "right": conditions(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("place", "key", "facet"),
    [
        ("run", "tags", {"tags": [{}] * 500_000}),
        ("job", "lineage", {"entries": [{"type": "X", "inputs": [{"type": "Y"}] * 10}] * 20_000}),
        ("input", "subset", {"inputCondition": conditions(13)}),
    ],
    ids=["tags", "lineage", "conditions"],
)  # fmt: skip
def test_event_with_a_million_faults_is_refused_within_seconds(place: str, key: str, facet: dict[str, Any]) -> None:
    started = time.perf_counter()
    with pytest.raises(SpecError, match=key):
        check_event(event_with(place, key, {"_producer": PRODUCER, "_schemaURL": PRODUCER, **facet}))
    assert time.perf_counter() - started < 5
