"""A person's signed word that something is bad, and which such words are in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Self, cast

from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step

# No pipeline can have this name: theirs have no dots.
PIPELINE = "assay.quarantine"
MARKED = "marked"
_EVERY = 1_000_000


class Kind(str, Enum):
    """What is declared bad: bytes by digest, an address, rows of a dataset, a package, all that a key signed."""

    VERSION = "version"
    SOURCE = "source"
    ROWS = "rows"
    DEPENDENCY = "dependency"
    KEY = "key"


@dataclass(frozen=True)
class Bad:
    """What is meant, exactly.

    reference: the one spelling under which it is released again. digests: of the versions meant (VERSION, SOURCE).
    name: the source's URI, the dataset, the requirement such as `numpy<2`, or the keyid. rows: their ids (ROWS).
    """

    kind: Kind
    reference: str
    digests: frozenset[str] = frozenset()
    name: str = ""
    rows: frozenset[str] = frozenset()

    def to_json(self) -> JsonObject:
        return {
            "kind": self.kind.value,
            "reference": self.reference,
            "digests": sorted(self.digests),
            "name": self.name,
            "rows": sorted(self.rows),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        return cls(
            kind=Kind(value["kind"]),
            reference=str(value["reference"]),
            digests=frozenset(cast("list[str]", value["digests"])),
            name=str(value["name"]),
            rows=frozenset(cast("list[str]", value["rows"])),
        )


@dataclass(frozen=True)
class Declaration:
    """One statement of the ledger. marked: digests of the models that were made of it by then. by: who signed."""

    bad: Bad
    reason: str
    by: str
    at: datetime
    seq: int
    marked: frozenset[str]
    is_release: bool

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        """What a verified quarantine statement says."""
        facts = entry.report.facts
        return cls(
            bad=Bad.from_json(cast(JsonObject, facts["bad"])),
            reason=str(facts["reason"]),
            by=entry.context.actor,
            at=entry.at,
            seq=entry.seq,
            marked=frozenset(s.sha256 for role, s in entry.report.inputs.items() if role.startswith(MARKED)),
            is_release=bool(facts["released"]),
        )

    def to_json(self) -> JsonObject:
        return {
            **self.bad.to_json(),
            "reason": self.reason,
            "by": self.by,
            "at": self.at.isoformat(),
            "entry": self.seq,
            "marked_models": len(self.marked),
        }

    def means(self, *sha256: str) -> bool:
        """Whether one of these versions was declared bad, or is a model that was made of what was."""
        return not (self.bad.digests | self.marked).isdisjoint(sha256)

    def brief(self) -> JsonObject:
        """Without the digests and rows that are meant, which may be thousands."""
        return {
            "reference": self.bad.reference,
            "reason": self.reason,
            "by": self.by,
            "since": self.at.isoformat(),
            "entry": self.seq,
        }

    @property
    def words(self) -> str:
        """For an error or a check: what, by whom, why, and where it is signed."""
        return f"{self.bad.reference} was declared bad by {self.by} (entry {self.seq}): {self.reason}"


def declarations_in_force(ledger: Ledger) -> dict[str, Declaration]:
    """By reference: what was declared and not released since. Raises IntegrityError when one does not verify."""
    found: dict[str, Declaration] = {}
    for entry in ledger.find(step=Step.QUARANTINE, pipeline=PIPELINE, newest_first=False, limit=_EVERY):
        declaration = Declaration.of(entry)
        if declaration.is_release:
            found.pop(declaration.bad.reference, None)
        else:
            found[declaration.bad.reference] = declaration
    return found
