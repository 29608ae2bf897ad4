"""Follows the Merkle tree from entry to entry and holds it against every signed checkpoint.

After a break it goes on from the stored nodes as soon as they lead to a signed root again, so that one change is one
finding.
"""

from assay.audit.diagnosis import diagnose
from assay.audit.findings import Broken, Kind
from assay.audit.place import Place
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.merkle import Frontier, Leaves, leaf_hash, perfect_nodes
from assay.signing import KeyRing, PublicKey


class TreeWalk:
    """State of one pass over the log. wanted: sizes whose roots are kept in `roots`."""

    def __init__(self, keys: KeyRing, wanted: frozenset[int]) -> None:
        self._keys, self._wanted = keys, wanted
        self.broken, self.roots = list[Broken](), dict[int, bytes]()
        self.size = 0
        self._frontier, self._edge, self._is_whole = Frontier(), dict[int, bytes](), True
        self._seqs, self._found, self._signed = list[int](), list[bytes | None](), list[bytes | None]()
        self._unsigned = list[int]()  # indices of entries without a checkpoint
        self._unproved: int | None = None  # the first place whose own entry does not lead to its own checkpoint

    def take(self, place: Place) -> PublicKey | None:
        """One place further; the key that signed its checkpoint, None where no sound one is there."""
        self._follow_number(place.seq)
        if place.envelope is None and place.note is None:
            self._blame(Kind.REMOVED, place.seq, "log", f"entry {place.seq}: nothing is left of it")
            self._is_whole = False
            return None
        leaf = leaf_hash(place.envelope.encode()) if place.envelope is not None else None
        checkpoint, key = self._read_note(place)
        self._seqs.append(place.seq)
        self._found.append(leaf)
        self._signed.append(self._grow(place, leaf, checkpoint))
        if self._frontier.size in self._wanted:
            self.roots[self._frontier.size] = self._frontier.root()
        return key

    def finish(self, confirmed_size: int) -> None:
        """Name what was done to the entries. confirmed_size: how many a checkpoint outside signs for as they are."""
        self._settle_unsigned(confirmed_size)
        for kind, index, reason in diagnose(self._found, self._signed):
            self._blame(kind, self._seqs[index], "log", f"entry {self._seqs[index]}: {reason}")
        # Whatever the diagnosis makes of it: only entries that all lead to their checkpoints are a whole log.
        if self._unproved is not None and not self.broken:
            reason = f"entry {self._unproved} does not lead to the checkpoint signed after it"
            self._blame(Kind.EDITED, self._unproved, "tree", reason)

    def _follow_number(self, seq: int) -> None:
        if seq > self.size:
            gone = f"expected entry {self.size}, found {seq}: {seq - self.size} places of the log are gone"
            self._blame(Kind.REMOVED, self.size, "log", gone)
            self._is_whole = False
        elif seq < self.size:
            self._blame(Kind.INSERTED, seq, "log", f"expected entry {self.size}, found {seq}: no log has it")
        self.size = max(self.size, seq + 1)

    def _read_note(self, place: Place) -> tuple[Checkpoint | None, PublicKey | None]:
        if place.note is None:
            return None, None
        size = place.seq + 1
        try:
            checkpoint, key = Checkpoint.verified_by(place.note, self._keys)
        except IntegrityError as error:
            self._blame(Kind(error.kind), place.seq, "checkpoint", f"after {size} entries: {error}")
            return None, None
        if checkpoint.size != size:
            kind = Kind.CHECKPOINT_ROLLED_BACK if checkpoint.size < size else Kind.EDITED
            reason = f"expected the checkpoint of {size} entries, found the one of {checkpoint.size}"
            self._blame(kind, place.seq, "checkpoint", reason)
            return None, None
        return checkpoint, key

    def _grow(self, place: Place, leaf: bytes | None, checkpoint: Checkpoint | None) -> bytes | None:
        """The leaf that the signed tree has here, as far as can be told; None where no checkpoint was signed."""
        is_next = self._frontier.size == place.seq
        if leaf and checkpoint and is_next and self._leads_to(checkpoint, leaf):
            self._accept(place, leaf)
            return leaf
        self._unproved = place.seq if self._unproved is None else self._unproved
        stored = place.nodes[0] if place.nodes else None
        self._edge |= dict(enumerate(place.nodes or ()))
        if checkpoint is None:
            return self._grow_unsigned(place, leaf, stored)
        if stored and is_next and self._leads_to(checkpoint, stored):
            self._accept(place, stored)
            return stored
        self._restart(place, checkpoint, leaf or stored)
        return leaf or stored

    def _grow_unsigned(self, place: Place, leaf: bytes | None, stored: bytes | None) -> bytes | None:
        is_next = self._frontier.size == place.seq
        if is_next and (leaf or stored):
            self._frontier = self._frontier.append(leaf or stored or b"")
        if place.note is not None:
            return stored or leaf
        if is_next and leaf:
            self._unsigned.append(len(self._seqs) - 1)
        return None

    def _leads_to(self, checkpoint: Checkpoint, leaf: bytes) -> bool:
        return self._frontier.append(leaf).root() == checkpoint.root

    def _accept(self, place: Place, leaf: bytes) -> None:
        completed = self._frontier.completed(leaf)
        if place.nodes != completed:
            reason = f"entry {place.seq}: the stored nodes of the tree are not those of the signed root"
            self._blame(Kind.EDITED, place.seq, "tree", reason)
        self._edge |= dict(enumerate(completed))
        self._frontier, self._is_whole = self._frontier.append(leaf), True
        self._settle_unsigned(self._frontier.size)

    def _restart(self, place: Place, checkpoint: Checkpoint, leaf: bytes | None) -> None:
        """No leaf leads to the signed root: say so once, and go on from the stored edge where that leads to it."""
        size = place.seq + 1
        edge = Frontier(size, tuple(self._edge.get(node.level, b"") for node in perfect_nodes(Leaves(0, size))))
        leads = edge.root() == checkpoint.root
        if self._is_whole and not self._unsigned:
            reason = f"the checkpoint signed after {size} entries has another root: history changed"
            self._blame(Kind.EDITED, place.seq, "checkpoint", reason)
        self._is_whole = leads
        if leads:
            self._frontier = edge
        elif self._frontier.size == place.seq and leaf:
            self._frontier = self._frontier.append(leaf)

    def _settle_unsigned(self, confirmed_size: int) -> None:
        """Entries without a checkpoint that a later root covers were signed for: their checkpoint is what is gone."""
        for index in [index for index in self._unsigned if self._seqs[index] < confirmed_size]:
            seq, self._signed[index] = self._seqs[index], self._found[index]
            self._blame(Kind.REMOVED, seq, "checkpoint", f"the checkpoint signed after {seq + 1} entries was removed")
        self._unsigned = [index for index in self._unsigned if self._seqs[index] >= confirmed_size]

    def _blame(self, kind: Kind, seq: int, subject: str, reason: str) -> None:
        self.broken.append(Broken(kind, seq, subject, reason))
