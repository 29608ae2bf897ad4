"""Class shares, and how far they moved since the newest version that passed validation."""

from typing import TYPE_CHECKING

from assay.dataset import DatasetVersion
from assay.records import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd


def class_shares(version: DatasetVersion, frame: "pd.DataFrame") -> dict[str, float]:
    """Class (as text) -> its share of the labelled rows; shares add up to 1."""
    if version.label not in frame:
        return {}
    labels = frame[version.label].dropna()
    counts = labels.map(_class_name).value_counts()
    return {str(name): int(counts[name]) / len(labels) for name in sorted(counts.index)}


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
