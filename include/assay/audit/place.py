"""What a source of the log (a database, a bundle) holds at one place of it, nothing believed yet."""

from dataclasses import dataclass

from assay.ledger_entry import Row


@dataclass(frozen=True)
class Place:
    """None: nothing is there. row, subjects: None also where the source keeps no index.

    nodes: roots of the perfect subtrees that end here, by level. note: the checkpoint signed when this was appended.
    """

    seq: int
    envelope: str | None = None
    note: str | None = None
    nodes: tuple[bytes, ...] | None = None
    row: Row | None = None
    subjects: frozenset[tuple[str, str]] | None = None

    @property
    def name(self) -> str:
        """What is known of it before its statement is read."""
        return f"{self.row.pipeline}/{self.row.step}" if self.row else "entry"
