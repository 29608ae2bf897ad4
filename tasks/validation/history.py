"""What the newest trusted version looked like: the facts of the last validation that passed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from assay.json_types import Json
from assay.records import Step, Verdict

if TYPE_CHECKING:
    from assay.ledger import Ledger


def trusted_fact(ledger: "Ledger", pipeline: str, raw_sha256: str, fact: str) -> tuple[dict[str, float], str] | None:
    """`facts[fact]` as numbers by name, and the digest of the newest other version that passed; None without one."""
    for entry in ledger.find(step=Step.VALIDATE, pipeline=pipeline):
        judged = entry.report.inputs.get("raw")
        found = entry.report.facts.get(fact)
        if entry.report.verdict is Verdict.PASSED and judged and judged.sha256 != raw_sha256 and found:
            numbers = cast("Mapping[str, Json]", found)
            return {name: float(str(number)) for name, number in numbers.items()}, judged.sha256
    return None
