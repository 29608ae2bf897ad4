"""The bill of materials of one model: its files, its data by digest, its card from signed statements, its environment.

A number on the card is one of the assay's statement; what was not looked at stands among the limitations.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from assay.bundle import ONNX_FILE, ModelBundle
from assay.json_types import Json, JsonObject
from assay.ledger import LedgerEntry
from assay.records import Step, Subject, Verdict
from tasks.supply_chain.cyclonedx import document, hashes, properties
from tasks.supply_chain.model_evidence import ModelEvidence

_DATA = (
    (Step.COLLECT, "raw"),
    (Step.SCREEN, "admitted"),
    *((Step.SPLIT, role) for role in ("train", "holdout", "recent")),
)


def model_bom(evidence: ModelEvidence, running: JsonObject) -> JsonObject:
    """CycloneDX 1.6. running: the BOM of this machine's environment, for a model whose own was never put away."""
    environment = evidence.environment or running
    datasets = dict(_datasets(evidence))
    ref = f"model/{evidence.bundle.name}@{evidence.model.sha256}"
    described = cast(JsonObject, environment["metadata"])["component"]
    root = str(cast(JsonObject, described)["bom-ref"])
    packages = cast("Sequence[JsonObject]", environment["components"])
    needed = {
        str(one["ref"]): cast("list[str]", one["dependsOn"])
        for one in cast("Sequence[JsonObject]", environment["dependencies"])
    }
    data = [_dataset(one, subject, evidence) for one, subject in datasets.items()]
    return document(
        _model(ref, evidence, list(datasets)),
        [*data, cast(JsonObject, described), *packages],
        {ref: [root, *datasets], **needed},
        max((entry.at.isoformat() for entry in _entries(evidence)), default=""),
    )


def _model(ref: str, evidence: ModelEvidence, datasets: list[str]) -> JsonObject:
    bundle = evidence.bundle
    made: dict[str, Json] = {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": bundle.name,
        "version": evidence.version or evidence.model.sha256[:12],
        "hashes": hashes([bundle.file(ONNX_FILE).sha256]),
        "components": _files(ref, bundle),
        "modelCard": _card(evidence, datasets),
        "properties": properties(
            [
                ("model-sha256", evidence.model.sha256),
                ("candidate-sha256", bundle.exported_from),
                *(_statement(entry) for entry in _entries(evidence)),
            ]
        ),
    }
    if evidence.candidate is not None:
        made["pedigree"] = {"ancestors": [_candidate(evidence.candidate, bundle.exported_from)]}
    return made


def _candidate(candidate: ModelBundle, sha256: str) -> JsonObject:
    ref = f"candidate/{candidate.name}@{sha256}"
    return {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": candidate.name,
        "version": sha256[:12],
        "description": "the framework's state, from which the model was exported",
        "components": _files(ref, candidate),
        "properties": properties([("candidate-sha256", sha256)]),
    }


def _files(ref: str, bundle: ModelBundle) -> list[Json]:
    return [
        {"type": "file", "bom-ref": f"{ref}/{one.name}", "name": one.name, "hashes": hashes([one.sha256])}
        for one in bundle.files
    ]


def _datasets(evidence: ModelEvidence) -> Iterator[tuple[str, Subject]]:
    """bom-ref -> dataset, from the raw bytes to the segments."""
    for step, role in _DATA:
        entry = evidence.statements.get(step)
        subject = entry.report.products.get(role) if entry else None
        if subject is not None:
            yield f"{subject.name}@{subject.sha256}", subject


def _dataset(ref: str, subject: Subject, evidence: ModelEvidence) -> JsonObject:
    made: dict[str, Json] = {
        "type": "data",
        "bom-ref": ref,
        "name": subject.name.removeprefix("dataset/"),
        "version": subject.sha256[:12],
        "hashes": hashes([subject.sha256]),
        "data": [{"type": "dataset", "name": subject.name}],
    }
    raw = evidence.statements.get(Step.COLLECT)
    if raw is not None and raw.report.products.get("raw") == subject:
        made["properties"] = properties([("source", uri) for uri in _sources(raw)])
    return made


def _sources(collect: LedgerEntry) -> Iterator[str]:
    sources = collect.report.facts.get("sources")
    for one in sources if isinstance(sources, list) else ():
        if isinstance(one, Mapping):
            yield f"{one.get('uri', '')} sha256:{one.get('sha256', '')}"


def _card(evidence: ModelEvidence, datasets: list[str]) -> JsonObject:
    export, train = evidence.facts(Step.EXPORT), evidence.facts(Step.TRAIN)
    asked = export.get("input")
    parameters: dict[str, Json] = {
        "approach": {"type": "supervised"},
        "task": "classification",
        "datasets": [{"ref": ref} for ref in datasets],
        "outputs": [{"format": "label int64, probabilities float32"}],
    }
    if train.get("model"):
        parameters["modelArchitecture"] = str(train["model"])
    if isinstance(asked, Mapping):
        parameters["inputs"] = [{"format": f"{asked.get('dtype')} {asked.get('shape')}"}]
    best = train.get("best")
    chosen = best.get("parameters") if isinstance(best, Mapping) else None
    return {
        "modelParameters": parameters,
        "quantitativeAnalysis": {"performanceMetrics": list(_metrics(evidence.facts(Step.ASSAY)))},
        "considerations": {
            "technicalLimitations": list(_limitations(evidence)),
            "fairnessAssessments": list(_fairness(evidence.facts(Step.ASSAY))),
        },
        "properties": properties(
            [
                ("classes", export.get("classes", "")),
                ("executor", train.get("executor", "")),
                ("robust-training", train.get("robust", "")),
                *((f"parameter-{name}", value) for name, value in _sorted(chosen)),
            ]
        ),
    }


def _metrics(assay: JsonObject) -> Iterator[Json]:
    """Everything the gate may bound, on the holdout, and the clean numbers of the newest rows."""
    recent = assay.get("recent")
    for where, told in (("holdout", assay), ("recent", recent if isinstance(recent, Mapping) else {})):
        intervals = dict(_sorted(told.get("ci95")))
        for name, value in _sorted(told.get("metrics")):
            metric: dict[str, Json] = {"type": name, "value": str(value), "slice": where}
            interval = intervals.get(name)
            if isinstance(interval, list) and len(interval) == 2:
                metric["confidenceInterval"] = {"lowerBound": str(interval[0]), "upperBound": str(interval[1])}
            yield metric


def _limitations(evidence: ModelEvidence) -> Iterator[str]:
    """What was not looked at, what was and failed, and which links of the evidence are missing."""
    for step, entry in evidence.statements.items():
        if entry is None:
            yield f"{step.value}: no statement in the ledger leads there"
    for name, unknown in _sorted(evidence.facts(Step.ASSAY).get("not_examined")):
        yield f"{name} was not examined: {unknown or 'the spec does not ask for it'}"
    for entry in _entries(evidence):
        for check in entry.report.checks:
            if check.verdict is not Verdict.PASSED:
                words = "failed" if check.verdict is Verdict.FAILED else "was not checked"
                yield f"{entry.report.step.value}: {check.name} {words}: {check.detail}"
    environments = {entry.record.provenance.environment for entry in _entries(evidence)}
    if len(environments) > 1:
        yield f"its steps ran in {len(environments)} environments; the packages listed are one's"
    if evidence.environment is None:
        yield "the packages listed are those of the machine that wrote this, not those the model was examined with"


def _fairness(assay: JsonObject) -> Iterator[Json]:
    for column, told in _sorted(assay.get("fairness")):
        measures = told.get("measures") if isinstance(told, Mapping) else None
        for name, measure in _sorted(measures):
            if isinstance(measure, Mapping) and "value" in measure:
                lowest, highest = measure.get("lowest"), measure.get("highest")
                yield {"groupAtRisk": f"{column}: {lowest}", "harms": f"{name} {measure['value']}; highest {highest}"}


def _entries(evidence: ModelEvidence) -> list[LedgerEntry]:
    return [entry for entry in evidence.statements.values() if entry is not None]


def _statement(entry: LedgerEntry) -> tuple[str, str]:
    return f"statement-{entry.report.step.value}", f"ledger entry {entry.seq} sha256:{entry.sha256}"


def _sorted(value: Json) -> list[tuple[str, Json]]:
    return sorted(value.items()) if isinstance(value, Mapping) else []
