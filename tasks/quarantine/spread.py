"""How far something bad has spread: every descendant, and which of them serve now."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from assay.erasure import Erasures
from assay.json_types import JsonObject
from assay.ledger import Ledger
from assay.lineage.database import Connection
from assay.lineage.dataset_versions import versions_of
from assay.lineage.descendants import descendants
from assay.lineage.served import served
from assay.lineage.store import LineageStore
from assay.lineage.walk import Node
from assay.quarantine.declaration import Bad, Kind
from assay.quarantine.objections import statement_meets
from assay.records import Subject
from assay.store import Store
from assay.unknown_rows import unknown_rows


@dataclass(frozen=True)
class Live:
    """A deployment that answers now with a model that was made of it."""

    name: str
    version: str
    model: str
    since: str

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "version": self.version,
            "model": self.model,
            "since": self.since,
            "command": self.command,
        }

    @property
    def command(self) -> str:
        """What a person runs to cut it out."""
        return f'assay cut-out {self.name} --reason "made of what was declared bad"'


@dataclass(frozen=True)
class Spread:
    """nodes: what is bad itself and all descendants, oldest first. live: of the models among them."""

    nodes: tuple[Node, ...]
    live: tuple[Live, ...]

    @property
    def models(self) -> tuple[Subject, ...]:
        return tuple(Subject(node.name, node.digest) for node in self.nodes if node.type == "model")


def spread_of(lineage: LineageStore, ledger: Ledger, store: Store, bad: Bad) -> Spread:
    """Walks lineage down from what is bad. Raises SpecError for rows that no version of the dataset holds."""
    with lineage.database.transaction() as connection:
        nodes = _descendants(connection, ledger, store, bad)
    models = {node.digest for node in nodes if node.type == "model"}
    serving = (one for one in served(lineage) if one.model in models)
    return Spread(nodes, tuple(Live(one.name, one.version, one.model, one.since.isoformat()) for one in serving))


def _descendants(connection: Connection, ledger: Ledger, store: Store, bad: Bad) -> tuple[Node, ...]:
    if bad.kind is Kind.ROWS:
        holding, sound = _versions_with(connection, ledger, store, bad)
        return descendants(connection, holding, without=sound)
    if bad.kind in (Kind.KEY, Kind.DEPENDENCY):
        return descendants(connection, _made_with(ledger, store, bad))
    return descendants(connection, bad.digests)


def _versions_with(connection: Connection, ledger: Ledger, store: Store, bad: Bad) -> tuple[list[str], list[str]]:
    """Digests of the dataset's versions with any of the rows, and of those without."""
    subjects = [Subject(one.name, one.digest) for one in versions_of(connection, bad.name)]
    erasures = Erasures.of(ledger)
    with tempfile.TemporaryDirectory(prefix="assay-rows-") as folder:
        held = erasures.rows_of_each(subjects, bad.rows, store, Path(folder))
    if missing := bad.rows - frozenset().union(*held.values()):
        versions = [erasures.load(subject, store) for subject in subjects]
        raise unknown_rows(bad.reference, bad.name, missing, versions, store)
    return [digest for digest in held if held[digest]], [digest for digest in held if not held[digest]]


def _made_with(ledger: Ledger, store: Store, bad: Bad) -> set[str]:
    """Digests of all that statements by the key, or from an environment with the package, say they made."""
    met: dict[tuple[str, str], bool] = {}  # neither depends on anything else of a statement
    made: set[str] = set()
    for entry in ledger.entries():
        case = entry.keyid, entry.record.provenance.environment
        if case not in met:
            met[case] = statement_meets(bad, entry, store)
        if met[case]:
            made |= {subject.sha256 for subject in entry.report.products.values()}
    return made
