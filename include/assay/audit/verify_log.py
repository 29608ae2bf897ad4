"""Every signature, digest and proof of a log, from first entry to last; names what is broken, and what was done."""

from collections.abc import Callable, Iterable, Sequence

from assay.audit.findings import Broken, Kind, LedgerVerification
from assay.audit.outside import Outside, compare_outside, confirmed_size, publications
from assay.audit.place import Place
from assay.audit.statement_walk import StatementWalk, find_suspects
from assay.audit.tree_walk import TreeWalk
from assay.signing import KeyRing


def verify_log(
    places: Callable[[], Iterable[Place]],
    keys: KeyRing,
    outside: Sequence[Outside] = (),
    high_water: int | None = None,
) -> LedgerVerification:
    """Walk the log that `places` gives, in order of `seq`, once; a second time only to name suspects.

    Takes some 300 bytes of memory an entry. high_water: how many entries the log's database ever counted, where known.
    """
    tree, statements = TreeWalk(keys, frozenset(one.size for one in outside)), StatementWalk(keys)
    newest = ""
    for place in places():
        signer = tree.take(place)
        statements.take(place)
        if signer is not None:
            statements.check_checkpoint(signer.keyid, place.seq)
        newest = place.note or newest
    tree.finish(confirmed_size(tree, outside))
    broken = [*statements.broken, *tree.broken, *compare_outside(tree, outside, high_water)]
    suspects = tuple(find_suspects(places(), keys, statements.history))
    return LedgerVerification(statements.count, newest, _told_once(broken), suspects, publications(tree, outside))


def _told_once(broken: Sequence[Broken]) -> tuple[Broken, ...]:
    """In log order, each kind once a place; of an entry with a closer reason, not also that the tree differs."""
    told = dict[tuple[int, Kind], Broken]()
    for one in broken:
        told.setdefault((one.seq, one.kind), one)
    closer = {one.seq for one in broken if one.subject != "log"}
    vague = {(seq, Kind.EDITED) for seq in closer}
    found = (one for key, one in told.items() if one.subject != "log" or key not in vague)
    return tuple(sorted(found, key=lambda one: one.seq))
