"""The data behind two models: each role's version and rows, and the sources they were collected from."""

from dataclasses import dataclass

from assay.json_types import JsonObject
from assay.lineage.seen import report_sources
from assay.questions.dossier import Dossier
from assay.questions.rows_compared import RowsCompared, compare_rows
from assay.records import Step, Subject
from assay.store import Store

ROLES = ("raw", "trusted", "admitted", "train", "holdout", "recent")


@dataclass(frozen=True)
class RoleDiff:
    """The dataset version that plays `role` in each model; None where the model's statements name none."""

    role: str
    a: Subject | None
    b: Subject | None
    rows: RowsCompared

    @property
    def same(self) -> bool:
        return self.a == self.b

    def to_json(self) -> JsonObject:
        return {
            "role": self.role,
            "same": self.same,
            "a": self.a.to_json() if self.a else None,
            "b": self.b.to_json() if self.b else None,
            "rows": self.rows.to_json(),
        }


@dataclass(frozen=True)
class SourceDiff:
    """One source and the SHA-256 of the bytes it gave for each model; None where that model did not use it."""

    uri: str
    a: str | None
    b: str | None

    @property
    def same(self) -> bool:
        return self.a == self.b

    def to_json(self) -> JsonObject:
        return {"uri": self.uri, "same": self.same, "a": self.a, "b": self.b}


def diff_roles(a: Dossier, b: Dossier, store: Store) -> tuple[RoleDiff, ...]:
    """Every role that one of the two has. Raises IntegrityError when a manifest or shard was changed."""
    pairs = [(role, a.subject(role), b.subject(role)) for role in ROLES]
    return tuple(RoleDiff(role, old, new, compare_rows(old, new, store)) for role, old, new in pairs if old or new)


def diff_sources(a: Dossier, b: Dossier) -> tuple[SourceDiff, ...]:
    """Every source of one of the two, by address."""
    old, new = _sources(a), _sources(b)
    return tuple(SourceDiff(uri, old.get(uri), new.get(uri)) for uri in sorted({*old, *new}))


def _sources(dossier: Dossier) -> dict[str, str]:
    collected = dossier.statements.get(Step.COLLECT)
    return {source.name: source.digest for source in report_sources(collected.report)} if collected else {}
