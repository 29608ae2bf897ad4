"""What a verification says: each thing that does not hold, by what was done, where, and why."""

from dataclasses import dataclass
from enum import Enum


class Kind(str, Enum):
    """What was done to the log. The same words stand in `IntegrityError.kind`."""

    EDITED = "edited"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REPLAYED = "replayed"
    TAIL_DROPPED = "tail_dropped"
    RESTORED_BACKUP = "restored_backup"
    FORKED = "forked"
    CHECKPOINT_ROLLED_BACK = "checkpoint_rolled_back"
    KEY_MISUSE = "key_misuse"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    SUSPECT_KEY = "suspect_key"


@dataclass(frozen=True)
class Broken:
    """One thing that does not hold. seq: of the entry; of a checkpoint, the entry it ends with."""

    kind: Kind
    seq: int
    subject: str
    reason: str


@dataclass(frozen=True)
class Publication:
    """What a place outside the database holds. size: of its newest checkpoint. behind: entries it does not cover.

    is_read: False where it could not be read back; size is then what was published there. problem: why not.
    """

    place: str
    size: int
    behind: int
    is_read: bool = True
    problem: str = ""


@dataclass(frozen=True)
class LedgerVerification:
    """broken: in log order; empty when everything holds. checkpoint: the newest signed note.

    suspects: entries that hold, signed by a key that was revoked later for a time before they were made.
    """

    entries: int
    checkpoint: str
    broken: tuple[Broken, ...]
    suspects: tuple[Broken, ...] = ()
    published: tuple[Publication, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.broken

    @property
    def unread(self) -> tuple[Publication, ...]:
        """Places that should have answered and did not: what they hold is not verified."""
        return tuple(one for one in self.published if one.problem)
