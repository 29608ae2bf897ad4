"""Rows that were erased for good: which they were, and which versions stand in for those that held them.

The ledger names rows by id and versions by digest, never by content: what is erased leaves every proof as it was.
"""

from dataclasses import dataclass, replace
from typing import cast

from assay.dataset import DatasetVersion, load_dataset
from assay.ledger import Ledger
from assay.records import Step, Subject
from assay.store import Store

_EVERY = 1_000_000
HELD, REMAINING = "held", "remaining"


@dataclass(frozen=True)
class Erasures:
    """rows: dataset -> ids. remaining: digest of a version that held some -> of the version without them.

    objects: digests of what must be gone from the store.
    """

    rows: dict[str, frozenset[str]]
    remaining: dict[str, str]
    objects: frozenset[str]

    @classmethod
    def of(cls, ledger: Ledger) -> "Erasures":
        """All that the ledger holds. Raises IntegrityError when a statement does not verify."""
        rows: dict[str, frozenset[str]] = {}
        remaining: dict[str, str] = {}
        objects: set[str] = set()
        for entry in ledger.find(step=Step.ERASE, newest_first=False, limit=_EVERY):
            report = entry.report
            dataset, ids = str(report.facts["dataset"]), cast("list[str]", report.facts["rows"])
            rows[dataset] = rows.get(dataset, frozenset()) | frozenset(ids)
            objects |= set(cast("list[str]", report.facts["objects"]))
            for role, subject in report.inputs.items():
                remaining[subject.sha256] = report.products[role.replace(HELD, REMAINING)].sha256
        return cls(rows, remaining, frozenset(objects))

    def finish(self, store: Store) -> None:
        """Remove what a killed erasure left; a second time changes nothing."""
        for sha256 in self.objects:
            store.remove(sha256)

    def load(self, subject: Subject, store: Store) -> DatasetVersion:
        """The version, or the one that stands in for it since rows of it were erased; verified."""
        digest = subject.sha256
        while digest in self.remaining:
            digest = self.remaining[digest]
        return load_dataset(replace(subject, sha256=digest), store)
