"""Rows that were erased for good: which they were, and which versions stand in for those that held them.

The ledger names rows by id and versions by digest, never by content: what is erased leaves every proof as it was, and
still tells which models had learned from it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, cast

from assay.dataset import DatasetVersion, load_dataset
from assay.ledger import Ledger
from assay.records import Step, Subject
from assay.store import Store
from assay.stored_rows import rows_in_each

_EVERY = 1_000_000
HELD, REMAINING = "held", "remaining"


@dataclass(frozen=True)
class Erasures:
    """rows: dataset -> ids. remaining: digest of a version that held some -> of the version without them.

    erased_from: the same digest -> ids that its erasure named. objects: digests of what must be gone from the store.
    """

    rows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    remaining: Mapping[str, str] = field(default_factory=dict)
    erased_from: Mapping[str, frozenset[str]] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """All that the ledger holds. Raises IntegrityError when a statement does not verify."""
        rows: dict[str, frozenset[str]] = {}
        remaining: dict[str, str] = {}
        erased_from: dict[str, frozenset[str]] = {}
        objects: set[str] = set()
        for entry in ledger.find(step=Step.ERASE, newest_first=False, limit=_EVERY):
            report = entry.report
            dataset, ids = str(report.facts["dataset"]), frozenset(cast("list[str]", report.facts["rows"]))
            rows[dataset] = rows.get(dataset, frozenset()) | ids
            objects |= set(cast("list[str]", report.facts["objects"]))
            for role, subject in report.inputs.items():
                remaining[subject.sha256] = report.products[role.replace(HELD, REMAINING)].sha256
                erased_from[subject.sha256] = ids
        return cls(rows, remaining, erased_from, frozenset(objects))

    def unfinished(self, store: Store) -> set[str]:
        """What is in the store and should not be: left by an erasure that was killed, or put there anew since."""
        return {sha256 for sha256 in self.objects if store.exists(sha256)}

    def load(self, subject: Subject, store: Store) -> DatasetVersion:
        """The version, or the one that stands in for it since rows of it were erased; verified."""
        (*_, last) = self._line(subject.sha256)
        return load_dataset(replace(subject, sha256=last), store)

    def rows_of_each(
        self, subjects: Collection[Subject], wanted: Collection[str], store: Store, folder: Path
    ) -> dict[str, set[str]]:
        """Which of the ids each version holds, or held until an erasure that named them; by the version's digest."""
        held = rows_in_each([self.load(subject, store) for subject in subjects], wanted, store, folder)
        return {
            subject.sha256: rows | self._erased(subject).intersection(wanted)
            for subject, rows in zip(subjects, held, strict=True)
        }

    def _erased(self, subject: Subject) -> set[str]:
        return {row for digest in self._line(subject.sha256) for row in self.erased_from.get(digest, ())}

    def _line(self, digest: str) -> Iterator[str]:
        """The version, and one after the other those that stand in for it."""
        yield digest
        while digest in self.remaining:
            digest = self.remaining[digest]
            yield digest
