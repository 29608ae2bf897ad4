"""Three ways to edit a text until the model errs: words added, words rewritten, and both, mended by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.spec import WordThreat
from tasks.attacks.asking import Asking, Search, texts
from tasks.attacks.words.importance import leave_out
from tasks.attacks.words.law import budget
from tasks.attacks.words.rewrites import rewrites
from tasks.attacks.words.wording import Edit, Wording

if TYPE_CHECKING:
    import numpy as np

    from tasks.attacks.words.good_words import GoodWords

_TRIED_WORDS = 64
_BOTH_ENDS = 4
_ROUNDS = 8
_PROBED = 4
_WIDTH = 4
_CHILDREN = 8
_MOST_SHORTENING = 64
Edits = tuple[Edit, ...]


@dataclass(frozen=True)
class InsertGoodWords:
    """Words that speak for another class, at the end or the beginning: what does most to this text, again and again."""

    threat: WordThreat
    good_words: "GoodWords"
    name: str = "good-words"

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        wording = Wording.of(str(row))
        if not wording.words:
            return None
        margin = yield from _margin(wording, asking)
        most = budget(self.threat.epsilon, len(wording.words))
        words = self.good_words.get(asking.label, ())
        if not words or "insert" not in self.threat.moves:
            return None
        place = yield from self._better_end(wording, asking, words)
        tried = [Edit(place, word, is_new=True) for word in words[: max(1, min(_TRIED_WORDS, asking.left // 3))]]
        ranked = yield from _ranked(wording, asking, margin, tried, copies=max(most // _ROUNDS, 1))
        grown = yield from _grown(wording, asking, ranked, most, asking.left)
        found = yield from _prefixes(wording, asking, grown, most)
        return (yield from _shortened(wording, asking, found))

    def _better_end(self, wording: Wording, asking: Asking, words: Sequence[str]) -> "Search[int]":
        ends = (len(wording.words), 0)
        some = words[:_BOTH_ENDS]
        margins = yield from asking.margins(
            texts(wording.edited([Edit(end, word, is_new=True) for word in some]) for end in ends)
        )
        return ends[int(margins.argmin())]


@dataclass(frozen=True)
class RewriteWords:
    """The words that the answer rests on, most important first: rewritten or left out, whichever does more."""

    threat: WordThreat
    name: str = "important-words"

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        wording = Wording.of(str(row))
        most = budget(self.threat.epsilon, len(wording.words))
        margin = yield from _margin(wording, asking)
        falls = yield from leave_out(wording, asking, margin, asking.left * 3 // 4)
        order = sorted(range(len(wording.words)), key=lambda place: (-falls[place], place))
        ranked = yield from self._best_forms(wording, asking, margin, order[: 2 * most + _PROBED])
        asking.noted.update({edit: float(falls[edit.place]) for edit in ranked if edit not in asking.noted})
        found = yield from _prefixes(wording, asking, ranked, most)
        return (yield from _shortened(wording, asking, found))

    def _best_forms(self, wording: Wording, asking: Asking, margin: float, order: Sequence[int]) -> "Search[Edits]":
        """One edit a word, in order: in the form that did best on the first words, which are asked about in all."""
        probed = [edit for place in order[:_PROBED] for edit in self._forms(wording, place)][: asking.left // 2]
        ranked = yield from _ranked(wording, asking, margin, probed)
        deletions = [asking.noted.get(edit, 0.0) for edit in ranked if edit.is_deletion]
        others = [asking.noted.get(edit, 0.0) for edit in ranked if not edit.is_deletion]
        delete = bool(deletions) and max(deletions) >= max(others, default=0.0)
        best: dict[int, Edit] = {}
        for edit in ranked:
            best.setdefault(edit.place, edit)
        for place in order:
            forms = self._forms(wording, place)
            if forms:
                best.setdefault(place, forms[-1] if delete else forms[0])
        return tuple(best[place] for place in order if place in best)

    def _forms(self, wording: Wording, place: int) -> list[Edit]:
        forms = [Edit(place, form) for form in rewrites(self.threat, wording.words[place])]
        may_go = "delete" in self.threat.moves and len(wording.words) > 1
        return [*forms, Edit(place, "")] if may_go else forms


@dataclass(frozen=True)
class SearchTogether:
    """Additions and rewritings together: what did best alone, then exchanged at random, the best four kept.

    Uses what the attacks before it saw of single edits; alone it looks first.
    """

    threat: WordThreat
    good_words: "GoodWords"
    name: str = "together"

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        if not asking.noted:
            yield from self._look(row, asking, generator)
        wording = Wording.of(str(row))
        most = budget(self.threat.epsilon, len(wording.words))
        pool = sorted(asking.noted, key=lambda edit: (-asking.noted[edit], edit.place, edit.word))
        if not pool:
            return None
        grown = yield from _grown(wording, asking, pool, most, asking.left // 2)
        found = yield from _prefixes(wording, asking, grown, most)
        if found is None:
            found = yield from self._exchange(wording, asking, generator, pool, grown, most)
        return (yield from _shortened(wording, asking, found))

    def _look(self, row: Any, asking: Asking, generator: "np.random.Generator") -> "Search[None]":
        limit = asking.limit
        for share, attack in ((3, InsertGoodWords(self.threat, self.good_words)), (2, RewriteWords(self.threat))):
            asking.limit = asking.asked + (limit - asking.asked) // share
            yield from attack.search(row, asking, generator)
        asking.limit = limit

    def _exchange(
        self,
        wording: Wording,
        asking: Asking,
        generator: "np.random.Generator",
        pool: Sequence[Edit],
        start: Edits,
        most: int,
    ) -> "Search[Edits | None]":
        """Drop some edits of a kept state and draw others, the likelier the more they did alone."""
        import numpy as np

        weights = 1.0 / (1.0 + np.arange(len(pool)))
        kept: list[tuple[float, Edits]] = [(np.inf, start)]
        while asking.left > _CHILDREN:
            children = []
            for number in range(_WIDTH * _CHILDREN):
                _, state = kept[number % len(kept)]
                dropped = generator.random(len(state)) < generator.choice([0.1, 0.3, 0.6])
                drawn = generator.choice(len(pool), most, p=weights / weights.sum())
                stays = [edit for edit, goes in zip(state, dropped, strict=True) if not goes]
                children.append(_together([*stays, *(pool[at] for at in drawn)], most, len(wording.words)))
            margins = yield from asking.margins(texts(map(wording.edited, children)))
            if margins.min() < 0:
                return children[int(margins.argmin())]
            kept = sorted([*kept, *zip(margins.tolist(), children, strict=True)], key=lambda one: one[0])[:_WIDTH]
        return None


def _margin(wording: Wording, asking: Asking) -> "Search[float]":
    margins = yield from asking.margins(texts([wording.edited(())]))
    return float(margins[0])


def _ranked(wording: Wording, asking: Asking, margin: float, tried: Sequence[Edit], copies: int = 1) -> "Search[Edits]":
    """The edits by how far each, so many times, lets the margin fall; what was seen is noted."""
    import numpy as np

    margins = yield from asking.margins(texts(wording.edited([edit] * copies) for edit in tried))
    for edit, after in zip(tried, margins, strict=True):
        if np.isfinite(after):
            asking.noted[edit] = (margin - float(after)) / copies
    return tuple(tried[at] for at in np.argsort(margins, kind="stable"))


def _grown(wording: Wording, asking: Asking, ranked: Sequence[Edit], most: int, questions: int) -> "Search[Edits]":
    """Edits added in at most eight rounds, each time those that do most beside what is there.

    What competes in a round: as many copies of each added word, and as many of the next rewritten words.
    """
    size = max(most // _ROUNDS, 1)
    tried = max(min(questions, asking.left) // (_ROUNDS + 2), 1)
    added = [edit for edit in ranked if edit.is_new][:tried]
    rewritten = [edit for edit in ranked if not edit.is_new]
    grown: Edits = ()
    while len(grown) < most and asking.left > 0:
        size = min(size, most - len(grown))
        steps = [[edit] * size for edit in added]
        steps += [[edit for edit in rewritten if edit not in grown][:size]]
        states = [_together((*grown, *step), most, len(wording.words)) for step in steps]
        longer = [state for state in dict.fromkeys(states) if len(state) > len(grown)]
        if not longer:
            break
        margins = yield from asking.margins(texts(map(wording.edited, longer)))
        grown = longer[int(margins.argmin())]
        if margins.min() < 0:
            break
    return grown


def _together(edits: Sequence[Edit], most: int, words: int) -> Edits:
    """As many of the edits, in order, as there is room for: one of a word, and some word stays."""
    taken = list[Edit]()
    changed, deleted = set[int](), 0
    for edit in edits:
        taken_before = not edit.is_new and edit.place in changed
        if len(taken) == most or taken_before or (edit.is_deletion and deleted + 1 >= words):
            continue
        deleted += edit.is_deletion
        changed |= set() if edit.is_new else {edit.place}
        taken.append(edit)
    return tuple(taken)


def _prefixes(wording: Wording, asking: Asking, ranked: Sequence[Edit], most: int) -> "Search[Edits | None]":
    """The shortest beginning of the ranked edits that fools the model: in growing steps, then by halves."""
    ranked = _together(ranked, most, len(wording.words))
    if not ranked:
        return None
    sizes = sorted({min(len(ranked), size) for size in _growing(len(ranked))})
    margins = yield from asking.margins(texts(wording.edited(ranked[:size]) for size in sizes))
    if not (margins < 0).any():
        return None
    first = int((margins < 0).argmax())
    low, high = (sizes[first - 1] if first else 0), sizes[first]
    while high - low > 1 and asking.left > 0:
        middle = (low + high) // 2
        margins = yield from asking.margins(texts([wording.edited(ranked[:middle])]))
        low, high = (low, middle) if margins[0] < 0 else (middle, high)
    return ranked[:high]


def _growing(last: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 11, … and the last."""
    sizes = [1]
    while sizes[-1] < last:
        sizes.append(max(sizes[-1] + 1, int(sizes[-1] * 1.4)))
    return sizes


def _shortened(wording: Wording, asking: Asking, edits: "Edits | None") -> "Search[str | None]":
    """The text with as few of the edits as still fool the model: pieces left out, ever smaller."""
    if edits is None:
        return None
    size, until = max(len(edits) // 2, 1), asking.asked + _MOST_SHORTENING
    while len(edits) > 1 and asking.left > 0 and asking.asked < until:
        shorter = [edits[:at] + edits[at + size :] for at in range(0, len(edits), size)]
        margins = yield from asking.margins(texts(map(wording.edited, shorter)))
        if margins.min() < 0:
            edits = shorter[int(margins.argmin())]
            size = min(size, max(len(edits) // 2, 1))
        elif size == 1:
            break
        else:
            size = size // 2
    return wording.edited(edits)
