"""Class shares, and how far they moved since the newest version that passed validation."""

from typing import TYPE_CHECKING, cast

from assay.dataset import DatasetVersion
from assay.json_types import Json
from assay.records import Check, Step, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from assay.ledger import Ledger


def class_shares(version: DatasetVersion, frame: "pd.DataFrame") -> dict[str, float]:
    """Class (as text) -> its share of the labelled rows; shares add up to 1."""
    if version.label not in frame:
        return {}
    labels = frame[version.label].dropna()
    counts = labels.map(_class_name).value_counts()
    return {str(name): int(counts[name]) / len(labels) for name in sorted(counts.index)}


def trusted_shares(ledger: "Ledger", pipeline: str, raw_sha256: str) -> tuple[dict[str, float], str] | None:
    """The shares and digest of the newest other version whose validation passed; None when there is none."""
    for entry in ledger.find(step=Step.VALIDATE, pipeline=pipeline):
        judged = entry.report.inputs.get("raw")
        shares = entry.report.facts.get("class_shares")
        if entry.report.verdict is Verdict.PASSED and judged and judged.sha256 != raw_sha256 and shares:
            return {name: float(str(share)) for name, share in _mapping(shares).items()}, judged.sha256
    return None


def judge_class_shift(
    shares: dict[str, float], trusted: tuple[dict[str, float], str] | None, max_class_shift: float
) -> Check:
    """Largest change of one class's share, in [0, 1], against `max_class_shift`."""
    if trusted is None:
        return Check("class_shift", Verdict.PASSED, "no earlier trusted version to compare with", None, max_class_shift)
    before, sha256 = trusted
    shifts = {name: abs(shares.get(name, 0.0) - before.get(name, 0.0)) for name in {*shares, *before}}
    name = max(sorted(shifts), key=lambda one: shifts[one])
    was, is_now = before.get(name, 0.0), shares.get(name, 0.0)
    words = f"class {name}: {was:.1%} in the trusted version {sha256[:12]}, {is_now:.1%} now"
    holds = shifts[name] <= max_class_shift
    return Check("class_shift", Verdict.PASSED if holds else Verdict.FAILED, words, shifts[name], max_class_shift)


def _class_name(value: object) -> str:
    """3 and 3.0 are one class: a column with nulls turns integers into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _mapping(value: Json) -> "Mapping[str, Json]":
    return cast("Mapping[str, Json]", value)
