"""Which model is meant: NAME, NAME:VERSION, NAME@ALIAS or a digest, looked up in signed statements.

A version and `@champion` are what the ledger says, since the registry can be edited; any other alias is asked of the
registry, and what it names must have been signed for.
"""

import re

from assay.decision import registration, serving_now
from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger, LedgerEntry
from assay.near_miss import suggestion
from assay.records import Step, Subject
from assay.registry import CHALLENGER, CHAMPION, MODEL_TAG, open_registry
from assay.settings import Settings
from assay.spec_file import spec_paths

_REFERENCE = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?::(?P<version>[0-9]{1,9})|@(?P<alias>[A-Za-z][\w.-]*))?")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_FORMS = "expected NAME, NAME:VERSION, NAME@champion, NAME@challenger or a model's sha256 (8 digits or more)"


def find_model(reference: str, ledger: Ledger, settings: Settings) -> Subject:
    """NAME alone: the model that serves, else the newest registered one, else the newest that was examined.

    Raises SpecError when there is none, naming what there is; IntegrityError when the registry names what nobody
    signed for.
    """
    found = _REFERENCE.fullmatch(reference)
    if found and ledger.find(step=Step.ASSAY, pipeline=found["name"], limit=1):
        name = found["name"]
        if found["version"]:
            return _by_version(ledger, name, int(found["version"]))
        if found["alias"]:
            return _by_alias(ledger, name, found["alias"], settings)
        return _foremost(ledger, name)
    if _DIGEST.fullmatch(reference):
        return _by_digest(ledger, reference)
    if found is None:
        raise SpecError(f"{reference!r}: no reference to a model; {_FORMS}")
    raise SpecError(_unknown(found["name"], _pipelines(ledger), settings))


def _pipelines(ledger: Ledger) -> set[str]:
    """Those of which a model was examined lately, for near-misses."""
    return {entry.report.pipeline for entry in ledger.find(step=Step.ASSAY)}


def _foremost(ledger: Ledger, name: str) -> Subject:
    serving = serving_now(ledger, name)
    registered = ledger.find(step=Step.REGISTER, pipeline=name, limit=1)
    examined = ledger.find(step=Step.ASSAY, pipeline=name, limit=1)
    return next(entry.report.inputs["model"] for entry in (serving, *registered, *examined) if entry)


def _by_version(ledger: Ledger, name: str, version: int) -> Subject:
    registered = ledger.find(step=Step.REGISTER, pipeline=name)
    for entry in registered:
        if entry.report.facts.get("version") == version:
            return entry.report.inputs["model"]
    known = sorted({str(entry.report.facts.get("version")) for entry in registered}, key=lambda one: (len(one), one))
    there_is = f"registered are {', '.join(known)}" if known else f"none is registered; try `assay report {name}`"
    raise SpecError(f"{name}:{version}: no such version; {there_is}")


def _by_alias(ledger: Ledger, name: str, alias: str, settings: Settings) -> Subject:
    if alias == CHAMPION:
        serving = serving_now(ledger, name)
        if serving is None:
            raise SpecError(f"{name}@{alias}: nothing of {name} serves; try `assay report {name}`")
        return serving.report.inputs["model"]
    registry = open_registry(settings)
    version = registry.alias(name, alias)
    if version is None:
        near = suggestion(alias, (CHAMPION, CHALLENGER)) if alias != CHALLENGER else f"try `assay report {name}`"
        raise SpecError(f"{name}@{alias}: the registry has no such alias; {near}")
    claimed = registry.get(name, version).model_sha256
    try:
        model = Subject(f"model/{name}", claimed)
    except IntegrityError as error:
        raise IntegrityError(f"{name}@{alias}: version {version} has no {MODEL_TAG} tag of ours: {error}") from error
    return registration(ledger, model, version).report.inputs["model"]


def _by_digest(ledger: Ledger, digits: str) -> Subject:
    speaking = _entries_of(ledger, digits)
    models = {entry.report.inputs["model"] for entry in speaking if "model" in entry.report.inputs}
    matching = sorted((one for one in models if one.sha256.startswith(digits)), key=lambda one: one.sha256)
    if not matching:
        raise SpecError(f"{digits}: no model of this digest was examined; `assay report NAME` takes the newest")
    if len(matching) > 1:
        listed = ", ".join(f"{one.name} {one.sha256[:16]}" for one in matching)
        raise SpecError(f"{digits}: means {len(matching)} models: {listed}; give more digits")
    return matching[0]


def _entries_of(ledger: Ledger, digits: str) -> list[LedgerEntry]:
    """A whole digest is in the ledger's index; the beginning of one is looked for in the newest examinations."""
    if len(digits) == 64:
        return ledger.find(subject_sha256=digits, step=Step.ASSAY)
    return ledger.find(step=Step.ASSAY)


def _unknown(name: str, pipelines: set[str], settings: Settings) -> str:
    """What is nearest, or the next step."""
    specs = {path.stem for path in spec_paths(settings.pipelines)}
    if name in specs:
        return f"{name}: no model of it was examined yet; run it with `assay run {name}`"
    if not pipelines | specs:
        return f"{name}: the ledger knows no examined model; run a pipeline first"
    return f"{name}: no model of this name was examined; {suggestion(name, pipelines | specs)}"
