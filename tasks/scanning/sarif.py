"""A scan as SARIF 2.1.0, which code hosts show beside the files. (OASIS, sarif-v2.1.0.)"""

import json
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from assay.json_types import Json, JsonObject
from assay.records import Verdict
from tasks.scanning.scan_paths import ScannedFile, ScanReport

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write_sarif(report: ScanReport, path: Path) -> None:
    """One run, a result a finding."""
    path.write_text(json.dumps(as_sarif(report), indent=2) + "\n", "utf-8")


def as_sarif(report: ScanReport) -> JsonObject:
    """`executionSuccessful` is false where a canary was missed: the results are no verdict then."""
    rules = sorted({one.rule for scanned in report.files for one in scanned.findings})
    driver: JsonObject = {
        "name": "assay scan",
        "semanticVersion": version("assay"),
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
    }
    missed: list[Json] = [
        {"level": "error", "message": {"text": f"the canary of {canary.format} was not found"}}
        for canary in report.canaries
        if not canary.is_found
    ]
    invocation: JsonObject = {
        "executionSuccessful": report.verdict is not Verdict.NOT_CHECKED and not missed,
        "toolExecutionNotifications": missed,
    }
    run: JsonObject = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "artifacts": [_artifact(scanned) for scanned in report.files],
        "results": [result for scanned in report.files for result in _results(scanned, rules)],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _artifact(scanned: ScannedFile) -> JsonObject:
    hashes: JsonObject = {"hashes": {"sha-256": scanned.sha256}} if scanned.sha256 else {}
    return {"location": {"uri": _uri(scanned)}, "length": scanned.bytes, **hashes}


def _results(scanned: ScannedFile, rules: list[str]) -> list[Json]:
    return [
        {
            "ruleId": one.rule,
            "ruleIndex": rules.index(one.rule),
            "level": "error",
            "message": {"text": one.detail},
            "properties": {"severity": one.severity.value},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(scanned)}}}],
        }
        for one in scanned.findings
    ]


def _uri(scanned: ScannedFile) -> str:
    return quote(scanned.path)
