"""Which words of a text the model's answer rests on: leave words out, and see how far the margin falls.

As in DeepWordBug (Gao et al. 2018) and TextFooler (Jin et al. 2020), but pieces first: of a long text only the pieces
that matter are looked at word by word.
"""

from math import ceil
from typing import TYPE_CHECKING

from tasks.attacks.asking import Asking, Search, texts
from tasks.attacks.words.wording import Wording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WAYS = 4


def leave_out(wording: Wording, asking: Asking, margin: float, questions: int) -> "Search[NDArray[np.float64]]":
    """(words,): how far the margin falls without each word, by at most so many questions.

    A word that was not asked alone has an even share of its piece's fall.
    """
    import numpy as np

    words = len(wording.words)
    falls = np.zeros(words)
    if words < 2 or questions < 1:
        return falls
    left = questions
    size = ceil(words / max(left if words <= left else left // 3, 1))
    pieces = [(start, min(start + size, words)) for start in range(0, words, size)]
    while pieces and left > 0:
        asked, left = pieces[:left], left - len(pieces)
        margins = yield from asking.margins(texts(wording.without(*piece) for piece in asked))
        seen = np.isfinite(margins)
        for (start, end), after in zip(np.array(asked)[seen], margins[seen], strict=True):
            falls[start:end] = (margin - after) / (end - start)
        pieces = _next_pieces(falls, [piece for piece in asked if piece[1] - piece[0] > 1], left)
    return falls


def _next_pieces(falls: "NDArray[np.float64]", pieces: list[tuple[int, int]], left: int) -> list[tuple[int, int]]:
    """The best pieces, each cut into four: one at least, and no more than half of the questions left allow."""
    best = sorted(pieces, key=lambda piece: (-float(falls[piece[0] : piece[1]].sum()), piece))
    made = list[tuple[int, int]]()
    for start, end in best:
        size = ceil((end - start) / _WAYS)
        cut = [(at, min(at + size, end)) for at in range(start, end, size)]
        if len(made) + len(cut) > (left // 2 if made else left):
            break
        made += cut
    return made
