"""Whether an event is what OpenLineage 2-0-2 and its standard facets ask for; nothing is fetched.

A facet is checked by the rules of its key in its place (`version` of a dataset, `parent` of a run, ...), or else by
those of the standard document that its `_schemaURL` names. A deleted facet, a facet of one's own and one of a newer
model follow the base rules alone, which the schema of the event contains; but not the newer ones that the graph reads.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from assay.errors import SpecError
from assay.lineage.facet_schemas import FacetRule, facet_rules

_FACET_URL = re.compile(r"https://openlineage\.io/spec/facets/(\d{1,4})-\d{1,4}-\d{1,4}/(\w{1,100})\.json(?:#.*)?")
_DELETABLE = ("job", "dataset")
_READ = (("dataset", "version"), ("dataset", "symlinks"), ("run", "parent"))
_PARTS = {
    "RunEvent": ("run", "job", "inputs", "outputs"),
    "DatasetEvent": ("dataset",),
    "JobEvent": ("job", "inputs", "outputs"),
}
_LONGEST_REASON = 300
_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Checks:
    """Compiled once: schemas of events by kind, of facets by (place, key) and by (place, document)."""

    events: dict[str, Draft202012Validator]
    by_key: dict[tuple[str, str], tuple[FacetRule, Draft202012Validator]]
    by_document: dict[tuple[str, str], tuple[FacetRule, Draft202012Validator]]


def check_event(event: dict[str, Any]) -> None:
    """Raises SpecError with the JSON path and the reason when `event` does not conform."""
    checks = _checks()
    kind = _check_core(checks, event)
    for path, place, facets in _facets(kind, event):
        for key, facet in facets.items():
            validator = _rules_for(checks, place, key, facet)
            if validator is not None and not validator.is_valid(facet):
                raise _refusal(kind, (*path, key), validator, facet)


def is_run_event(event: dict[str, Any]) -> bool:
    """Whether a conforming event tells of a run."""
    return "run" in event and "job" in event


def _check_core(checks: _Checks, event: dict[str, Any]) -> str:
    """The event's kind: the specification wants it to be exactly one of three."""
    kinds = _kinds(event)
    conforming = [kind for kind in kinds if checks.events[kind].is_valid(event)]
    if len(conforming) > 1:
        raise SpecError(f"OpenLineage 2-0-2: expected one kind of event, found {' and '.join(conforming)}; send two")
    if not conforming:
        raise _refusal(kinds[0], (), checks.events[kinds[0]], event)
    return conforming[0]


def _kinds(event: dict[str, Any]) -> list[str]:
    """What the event can be by the keys it has."""
    if is_run_event(event):
        return ["RunEvent"]
    return [kind for kind, key in (("DatasetEvent", "dataset"), ("JobEvent", "job")) if key in event] or ["RunEvent"]


def _facets(kind: str, event: dict[str, Any]) -> Iterator[tuple[_Path, str, dict[str, Any]]]:
    """(path, place, facets) of every set of facets in an event whose core conforms; what its kind lacks is anything."""
    for part in _PARTS[kind]:
        if part not in ("inputs", "outputs"):
            yield (part, "facets"), part, event[part].get("facets", {})
            continue
        place = part.removesuffix("s")
        for index, dataset in enumerate(event.get(part, ())):
            yield (part, index, "facets"), "dataset", dataset.get("facets", {})
            yield (part, index, f"{place}Facets"), place, dataset.get(f"{place}Facets", {})


def _rules_for(checks: _Checks, place: str, key: str, facet: dict[str, Any]) -> Draft202012Validator | None:
    named = _FACET_URL.fullmatch(facet["_schemaURL"])
    known = checks.by_key.get((place, key)) or (checks.by_document.get((place, named[2])) if named else None)
    if known is None or (facet.get("_deleted") is True and place in _DELETABLE):
        return None
    rule, validator = known
    is_newer = named is not None and int(named[1]) > rule.model
    return None if is_newer and (place, key) not in _READ else validator


def _refusal(kind: str, path: _Path, validator: Draft202012Validator, value: dict[str, Any]) -> SpecError:
    # Only the first fault: of a large event there may be millions, and each is a copy.
    try:
        validator.validate(value)
    except ValidationError as error:
        where = "/".join(map(str, (*path, *error.instance_path))) or "the event"
        return SpecError(f"OpenLineage 2-0-2 {kind}: {_short(where)}: {_short(error.message)}; mend the producer")
    return SpecError(f"OpenLineage 2-0-2 {kind}: expected it to conform, found otherwise; mend the producer")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[:100]} … {text[-150:]}"


@functools.cache
def _checks() -> _Checks:
    core = json.loads((files("assay.lineage") / "openlineage-2-0-2.json").read_text())
    events = {
        kind: Draft202012Validator({"$defs": core["$defs"], "$ref": f"#/$defs/{kind}"}, validate_formats=True)
        for kind in ("RunEvent", "DatasetEvent", "JobEvent")
    }
    rules = [(rule, Draft202012Validator(rule.schema, validate_formats=True)) for rule in facet_rules()]
    return _Checks(
        events,
        {(rule.place, rule.key): (rule, validator) for rule, validator in rules},
        {(rule.place, rule.document): (rule, validator) for rule, validator in rules},
    )
