"""What the user probably meant: the nearest legal word, or none rather than a wild guess."""

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate at the smallest edit distance, if one slip or a similar shape explains `word`."""
    ranked = sorted(
        (edit_distance(word, candidate), -difflib.SequenceMatcher(None, word, candidate).ratio(), candidate)
        for candidate in set(candidates)
    )
    if not ranked:
        return None
    distance, similarity, candidate = ranked[0]
    return candidate if distance <= 1 or (-similarity >= 0.6 and 2 * distance <= len(word)) else None


def suggestion(word: str, candidates: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what is legal when nothing is near."""
    legal = sorted(set(candidates))
    match = nearest(word, legal)
    if match is not None:
        return f"did you mean {match!r}?"
    return f"choose one of {', '.join(legal)}" if legal else "remove it"


def edit_distance(left: str, right: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]
