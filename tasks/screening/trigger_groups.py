"""Which phrases turn labels more often than chance, and the rows that each of them turned."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.phrases import (
    FEWEST_TURNED,
    PHRASE_TOKENS,
    Candidates,
    candidates_of,
    phrase_hashes,
    speaks_against,
    without,
)
from tasks.screening.token_evidence import MOST_COMPARED, TokenEvidence, mean_cosine, tokens_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

SHARED = 0.8
MOST_FALSE = 0.5
MOST_GROUPS = 50


@dataclass(frozen=True)
class TriggerGroup:
    """places: rows under suspicion. turned: rows whose label stands on the phrase; expected: how many by chance.

    expected_false_rate: the share of sound rows to expect among them. surprise: minus the p-value's logarithm, in
    [0, 1].
    """

    words: str
    label: int
    places: "NDArray[np.int64]"
    turned: int
    expected: float
    expected_false_rate: float
    surprise: float


def find_groups(rows: "ScreenRows", evidence: TokenEvidence, rate: float) -> list[TriggerGroup]:
    """Most certain first; each row is explained by one phrase only."""
    import numpy as np

    candidates, tests = candidates_of(rows, evidence)
    amiss = speaks_against(evidence.logits)[np.arange(len(rows)), rows.labels]
    explained = np.zeros(len(rows), dtype=bool)
    groups: list[TriggerGroup] = []
    while len(groups) < MOST_GROUPS:
        best = _best(candidates, explained, amiss, evidence, rate * (len(groups) + 1) / tests)
        if best is None:
            break
        place, p, expected = best
        group = _group(rows, evidence, candidates, place, p, expected)
        explained[candidates.turned[place].indices] = True
        explained[_having(evidence, candidates.phrases[place])] = True  # its weight bends them, whatever their label
        groups.append(group)
    return groups


def _best(
    candidates: Candidates,
    explained: "NDArray[np.bool_]",
    amiss: "NDArray[np.bool_]",
    evidence: TokenEvidence,
    most: float,
) -> tuple[int, float, float] | None:
    """The phrase that turned most beyond chance, its p-value, and what chance explains; None without p <= `most`."""
    import numpy as np
    from scipy.stats import binom

    turned, looked, expected = candidates.left(explained, amiss)
    share = np.clip(expected / np.maximum(looked, 1), 1e-6, 1.0)
    p = binom.sf(turned - 1, looked, share)
    p[(turned < FEWEST_TURNED) | (expected > MOST_FALSE * turned)] = 1.0
    excess = turned - expected
    for place in np.argsort(-excess, kind="stable").tolist():
        if p[place] > most:
            continue
        members = candidates.turned[place].indices
        corrected = _unlike_p(
            evidence,
            members[~explained[members]],
            int(candidates.labels[place]),
            float(share[place]),
            float(looked[place]),
        )
        if corrected <= most:
            return place, corrected, float(expected[place])
    return None


def _unlike_p(evidence: TokenEvidence, members: "NDArray[np.int64]", label: int, share: float, looked: float) -> float:
    """The binomial tail with as many rows as there would be if none resembled another (Kish's design effect)."""
    from scipy.special import betainc

    part = 1 / (1 + (len(members) - 1) * _resemblance(evidence, members, label))
    turned = len(members) * part
    return float(betainc(turned, max((looked - len(members)) * part, 0) + 1, share)) if turned >= 2 else 1.0


def _resemblance(evidence: TokenEvidence, members: "NDArray[np.int64]", label: int) -> float:
    """By how much more two of the rows resemble each other than any two of the classes they look like, in [0, 1]."""
    import numpy as np

    rows = evidence.counted[members[:MOST_COMPARED]]
    used, has = np.unique(rows.indices, return_counts=True)
    own = mean_cosine(rows[:, used[has < SHARED * len(members)]])
    logits = evidence.logits[members].copy()
    logits[:, label] = -np.inf
    mix = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1]) / len(members)
    usual = float(mix @ evidence.alike @ mix)
    return max((own - usual) / max(1 - usual, 1e-9), 0.0)


def _group(
    rows: "ScreenRows", evidence: TokenEvidence, candidates: Candidates, place: int, p: float, expected: float
) -> TriggerGroup:
    """The rows whose label another class beats without the phrase; where most are such, all with phrase and label."""
    import numpy as np

    phrase, label = candidates.phrases[place], int(candidates.labels[place])
    turned = np.sort(candidates.turned[place].indices)
    having = _having(evidence, phrase)
    having = having[rows.labels[having] == label]
    beaten = np.array([without(evidence, one, phrase).argmax() != label for one in having.tolist()], dtype=bool)
    places = having if beaten.mean() >= SHARED else having[beaten]
    return TriggerGroup(
        words=_words(rows, evidence, int(turned[0]), phrase),
        label=label,
        places=places,
        turned=len(turned),
        expected=expected,
        expected_false_rate=min(expected / len(turned), 1.0),
        surprise=min(-np.log10(max(p, 1e-300)) / 300, 1.0),
    )


def _having(evidence: TokenEvidence, phrase: "np.uint64") -> "NDArray[np.int64]":
    """The rows with the phrase."""
    import numpy as np

    return np.array([place for place, tokens in enumerate(evidence.tokens) if _starts(tokens, phrase)], dtype=np.int64)


def _starts(tokens: "NDArray[np.uint32]", phrase: "np.uint64") -> list[tuple[int, int]]:
    """Where the phrase begins in the row, and its length."""
    import numpy as np

    hashes = tokens.astype(np.uint64)
    return [
        (start, size)
        for size in PHRASE_TOKENS
        for start in np.flatnonzero(phrase_hashes(hashes, size) == phrase).tolist()
    ]


def _words(rows: "ScreenRows", evidence: TokenEvidence, place: int, phrase: "np.uint64") -> str:
    words = tokens_of((rows.texts or ())[place])
    start, size = _starts(evidence.tokens[place], phrase)[0]
    return " ".join(words[start : start + size])
