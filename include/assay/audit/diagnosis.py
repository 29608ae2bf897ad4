"""What was done to a log: the entries that are there against those that were signed for. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from assay.audit.findings import Kind

Leaves = Sequence[bytes | None]
Difference = tuple[Kind, int, str]


def diagnose(found: Leaves, signed: Leaves) -> list[Difference]:
    """(kind, place, reason) of each difference, by place; nothing for equal lists.

    found: leaf hash of what is at each place, None for nothing. signed: what the signed tree has there, None for
    nothing.
    """
    home = dict[bytes, int]()
    for place, leaf in enumerate(signed):
        if leaf:
            home.setdefault(leaf, place)
    copies = _copies(found, home)
    kept = [place for place, leaf in enumerate(found) if leaf and place not in copies]
    present = {found[place] for place in kept}
    lost = [place for leaf, place in home.items() if leaf not in present]
    strange = [place for place in kept if found[place] not in home]
    edited = set(lost) & set(strange)
    last = max((home[leaf] for leaf in present if leaf in home), default=-1)
    return sorted(
        (
            *((Kind.REPLAYED, place, f"the statement of entry {of} stands here again") for place, of in copies.items()),
            *((Kind.EDITED, place, "it is not what the tree was signed for") for place in edited),
            *((Kind.INSERTED, place, "no checkpoint was signed for it") for place in strange if place not in edited),
            *_runs(Kind.REMOVED, (place for place in lost if place < last and place not in edited), "was removed"),
            *_runs(
                Kind.TAIL_DROPPED,
                (place for place in lost if place > last and place not in edited),
                "was dropped from the tail",
            ),
            *_moved([home[leaf] for place in kept if (leaf := found[place]) in home]),
        ),
        key=lambda difference: difference[1],
    )


def _copies(found: Leaves, home: dict[bytes, int]) -> dict[int, int]:
    """Place of each copy -> place of its original, which is where it was signed for, else the first."""
    places = defaultdict[bytes, list[int]](list)
    for place, leaf in enumerate(found):
        if leaf:
            places[leaf].append(place)
    copies = dict[int, int]()
    for leaf, where in places.items():
        original = home[leaf] if home.get(leaf) in where else where[0]
        copies |= {place: original for place in where if place != original}
    return copies


def _runs(kind: Kind, places: Iterable[int], what: str) -> Iterable[Difference]:
    """One difference for neighbours that are gone together."""
    run = list[int]()
    for place in sorted(places):
        if run and place != run[-1] + 1:
            yield _run(kind, run, what)
            run = []
        run.append(place)
    if run:
        yield _run(kind, run, what)


def _run(kind: Kind, run: list[int], what: str) -> Difference:
    many = f" with the {len(run) - 1} after it" if len(run) > 1 else ""
    return kind, run[0], f"the entry that was signed for{many} {what}"


def _moved(homes: list[int]) -> Iterable[Difference]:
    """Entries that stand before one which was signed for earlier. homes: in the order found."""
    if all(before < after for before, after in pairwise(homes)):
        return
    for now, signed in zip(homes, sorted(homes), strict=True):
        if now != signed:
            yield Kind.REORDERED, signed, f"entry {now} of the signed log stands here"
