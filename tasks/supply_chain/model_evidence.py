"""What the ledger and the store know of one model: its files, its statements back to the raw data, its environment."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from assay.bundle import ONNX_FILE, ModelBundle, load_bundle
from assay.errors import IntegrityError, SpecError
from assay.evidence_chain import evidence_chain
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Subject
from assay.store import Store

if TYPE_CHECKING:
    from assay.registry import RegisteredVersion, Registry

_ALIASES = ("champion", "challenger")


@dataclass(frozen=True)
class ModelEvidence:
    """version: in the registry, or "" where none was asked. statements: None where the chain is broken.

    environment: the SBOM that the assay step put away, or None.
    """

    model: Subject
    version: str
    bundle: ModelBundle
    candidate: ModelBundle | None
    statements: Mapping[Step, LedgerEntry | None]
    environment: JsonObject | None

    def facts(self, step: Step) -> JsonObject:
        """Of that step's report; nothing where there is no statement."""
        entry = self.statements.get(step)
        return entry.report.facts if entry else {}


def gather_evidence(reference: str, ledger: Ledger, store: Store, registry: "Callable[[], Registry]") -> ModelEvidence:
    """reference: NAME, NAME:VERSION, NAME@ALIAS, or the SHA-256 of a model or of its model.onnx.

    Raises SpecError when the ledger knows no such model, IntegrityError when registry and ledger disagree on it.
    """
    model, version = _find(reference.removeprefix("model/"), ledger, registry)
    bundle = load_bundle(model, store)
    if version is not None:
        _check_registered(version, model, bundle)
    candidate = Subject(model.name, bundle.exported_from)
    statements = evidence_chain(ledger, model)
    return ModelEvidence(
        model=model,
        version=str(version.version) if version else "",
        bundle=bundle,
        candidate=load_bundle(candidate, store) if store.exists(candidate.sha256) else None,
        statements=statements,
        environment=_environment(statements[Step.ASSAY], store),
    )


def _find(
    reference: str, ledger: Ledger, registry: "Callable[[], Registry]"
) -> "tuple[Subject, RegisteredVersion | None]":
    if len(reference) == 64 and not set(reference) - set("0123456789abcdef"):
        return _by_digest(reference, ledger), None
    version = _registered(reference, registry())
    return _by_digest(version.model_sha256, ledger), version


def _check_registered(version: "RegisteredVersion", model: Subject, bundle: ModelBundle) -> None:
    """Tags of a registry can be edited by anyone who reaches it."""
    tagged = (f"model/{version.name}", version.onnx_sha256)
    stated = (model.name, bundle.file(ONNX_FILE).sha256)
    if tagged != stated:
        raise IntegrityError(f"{version.url}: its tags name {tagged}, the ledger {stated}; open an incident")


def _by_digest(sha256: str, ledger: Ledger) -> Subject:
    for entry in ledger.find(subject_sha256=sha256, step=Step.EXPORT, limit=1) or ledger.find(step=Step.EXPORT):
        model = entry.report.products.get("model")
        if model is not None and sha256 in (model.sha256, entry.report.facts.get("onnx_sha256")):
            return model
    raise SpecError(
        f"{sha256}: no export in the ledger made such a model; `assay lineage up {sha256[:12]}` looks wider"
    )


def _registered(reference: str, registry: "Registry") -> "RegisteredVersion":
    if ":" in reference:
        name, _, number = reference.partition(":")
        if not number.isdigit():
            raise SpecError(f"{reference}: expected NAME:VERSION with a number, found {number!r}")
        return registry.get(name, int(number))
    name, _, alias = reference.partition("@")
    for one in (alias,) if alias else _ALIASES:
        found = registry.alias(name, one)
        if found is not None:
            return registry.get(name, found)
    raise SpecError(f"{reference}: no version under {alias or ' or '.join(_ALIASES)}; `assay lineage up model/{name}`")


def _environment(assay: LedgerEntry | None, store: Store) -> JsonObject | None:
    told = assay.report.facts.get("supply_chain") if assay else None
    sha256 = str(told.get("sbom") or "") if isinstance(told, Mapping) else ""
    return cast(JsonObject, json.loads(store.read(sha256))) if sha256 and store.exists(sha256) else None
