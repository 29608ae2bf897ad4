"""Checkpoints that lie outside the log's own database, held against the log. They tell what the log alone cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.audit.findings import Broken, Kind, Publication
from assay.audit.tree_walk import TreeWalk
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError


@dataclass(frozen=True)
class Outside:
    """What one place holds: its newest checkpoint, None for nothing. problem: why it could not be believed.

    recorded: the largest size that the log remembers to have published there. is_read: False where it cannot be read
    back, unread: why it should have been and was not.
    """

    place: str
    checkpoint: Checkpoint | None
    problem: IntegrityError | None = None
    recorded: int = 0
    is_read: bool = True
    unread: str = ""

    @property
    def size(self) -> int:
        return self.checkpoint.size if self.checkpoint else 0


def compare_outside(tree: TreeWalk, outside: Sequence[Outside], high_water: int | None) -> Iterator[Broken]:
    """Where the log contradicts what lies outside. high_water: how many entries its database ever counted."""
    for one in outside:
        if one.problem is not None:
            yield Broken(Kind(one.problem.kind), max(tree.size - 1, 0), "checkpoint", f"{one.place}: {one.problem}")
        elif one.is_read and one.size < one.recorded:
            reason = f"{one.place}: {one.recorded} entries were published, it holds a checkpoint of {one.size}"
            yield Broken(Kind.CHECKPOINT_ROLLED_BACK, max(one.size - 1, 0), "checkpoint", reason)
        if one.size > tree.size:
            yield _shorter(tree.size, one, high_water)
        elif one.checkpoint and one.size and tree.roots.get(one.size) != one.checkpoint.root:
            reason = f"{one.place}: the first {one.size} entries are not those signed for outside: two histories exist"
            yield Broken(Kind.FORKED, one.size - 1, "history", reason)


def publications(tree: TreeWalk, outside: Sequence[Outside]) -> tuple[Publication, ...]:
    """How far each place reaches."""
    sizes = {one.place: one.size if one.is_read else one.recorded for one in outside}
    return tuple(
        Publication(one.place, sizes[one.place], max(tree.size - sizes[one.place], 0), one.is_read, one.unread)
        for one in outside
    )


def confirmed_size(tree: TreeWalk, outside: Sequence[Outside]) -> int:
    """The largest number of entries that a checkpoint outside signs for just as they are."""
    agreed = (o.size for o in outside if o.checkpoint and tree.roots.get(o.size) == o.checkpoint.root)
    return max(agreed, default=0)


def _shorter(size: int, one: Outside, high_water: int | None) -> Broken:
    known = f"{one.place}: a checkpoint outside covers {one.size} entries, found {size}"
    if high_water is not None and high_water <= size:
        reason = f"{known}, whole in themselves: the database was restored from a backup"
        return Broken(Kind.RESTORED_BACKUP, size, "tail", reason)
    return Broken(Kind.TAIL_DROPPED, size, "tail", f"{known}: the tail was dropped")
