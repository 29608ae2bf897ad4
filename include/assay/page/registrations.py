"""Which version was registered before another: what a person compares it with."""

from collections.abc import Iterable, Sequence

from assay.ledger import Ledger, LedgerEntry
from assay.page.entries import entries_of_steps
from assay.records import Step, Verdict

_LOOKED_BACK = 10  # registrations: a version may have been registered again


def registrations(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Those that gave a model its version, in the same order."""
    return [e for e in entries if e.report.step is Step.REGISTER and e.report.verdict is Verdict.PASSED]


def versions_before(ledger: Ledger, registered: Sequence[LedgerEntry]) -> dict[int, str]:
    """Number of each registration -> the version before its own; left out where there is none.

    registered: of one pipeline, newest first. Raises IntegrityError for a statement that does not verify.
    """
    if not registered:
        return {}
    oldest = registered[-1]
    earlier = entries_of_steps(ledger, oldest.report.pipeline, (Step.REGISTER,), oldest.seq, _LOOKED_BACK)
    versions = [version_of(entry) for entry in (*registered, *registrations(earlier))]
    found = {
        entry.seq: next((version for version in versions[place + 1 :] if version != versions[place]), "")
        for place, entry in enumerate(registered)
    }
    return {seq: version for seq, version in found.items() if version}


def version_of(entry: LedgerEntry) -> str:
    """The version that a registration gave."""
    return str(entry.report.facts.get("version") or "")
