"""Phrases of the rows, what the rows would be without each of them, and how often each turns a label.

Counts stand in tables of fixed size, by hash; only the phrases that turn labels unusually often are followed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.screening.token_evidence import TokenEvidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

PHRASE_TOKENS = (1, 2, 3, 8)
FEWEST_TURNED = 4
LEAD = 1.0
LEAST_REST = 0.5
MOST_CANDIDATES = 5_000
SURENESS_BINS = 4
TABLE = 2**22


@dataclass
class Candidates:
    """Phrases with a label, aligned. turned: (phrases, rows) sparse.

    looked: how many rows with the phrase speak against the label without it. expected: how many of them have the
    label by chance, as other rows that look so do; told: as the model says.
    """

    phrases: "NDArray[np.uint64]"
    labels: "NDArray[np.int64]"
    looked: "NDArray[np.float64]"
    expected: "NDArray[np.float64]"
    told: "NDArray[np.float64]"
    turned: Any
    row_labels: "NDArray[np.int64]"

    def left(self, explained: "NDArray[np.bool_]", amiss: "NDArray[np.bool_]") -> "tuple[NDArray[np.float64], ...]":
        """Turned, looked and expected, without the rows that another phrase explains.

        amiss: rows that speak against their label. What is expected follows the rows without the phrase,
        so that a frequent trigger does not count as its own chance.
        """
        import numpy as np

        gone = np.asarray(self.turned @ explained.astype(np.float64))
        turned = np.asarray(self.turned.sum(axis=1)).ravel() - gone
        inside = np.asarray(self.turned @ (amiss & ~explained).astype(np.float64))
        outside = np.maximum(self.amiss_left(explained, amiss) - inside, 0)
        usual = self.amiss_left(np.zeros_like(explained), amiss) - self.expected
        ratio = np.minimum((outside + 2 * np.sqrt(outside + 1) + 1) / np.maximum(usual, 1), 1)
        return (
            turned,
            self.looked - gone,
            np.maximum(self.expected * ratio, self.told * (self.looked - gone) / self.looked),
        )

    def amiss_left(self, explained: "NDArray[np.bool_]", amiss: "NDArray[np.bool_]") -> "NDArray[np.float64]":
        """(phrases,): the rows of the phrase's label that are amiss and not explained."""
        import numpy as np

        many = np.bincount(self.row_labels[amiss & ~explained], minlength=int(self.row_labels.max()) + 1)
        return np.asarray(many[self.labels], dtype=np.float64)


@dataclass(frozen=True)
class _Tables:
    """Rows by the slot of a phrase: all that have it, and, by phrase and class, those that look like the class
    without it, and those of the label that do not."""

    seen: "NDArray[np.int32]"
    agreeing: "NDArray[np.int32]"
    turned: "NDArray[np.int32]"


def speaks_against(logits: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """(rows, classes): another class leads this one by LEAD nats. No evidence at all speaks against nothing."""
    import numpy as np

    return np.asarray(logits.max(axis=1, keepdims=True) - logits >= LEAD)


def _chance(labels: "NDArray[np.int64]", logits: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(classes, bins, classes): how often a row that looks like the first, this surely, is labelled the last."""
    import numpy as np

    looks, bins = logits.argmax(axis=1), _bins(logits)
    counts = np.zeros((logits.shape[1], SURENESS_BINS, logits.shape[1]))
    np.add.at(counts, (looks, bins, labels), 1)
    overall = counts.sum(axis=1, keepdims=True)
    overall = (overall + 1 / logits.shape[1]) / (overall.sum(axis=2, keepdims=True) + 1)
    return np.asarray((counts + 10 * overall) / (counts.sum(axis=2, keepdims=True) + 10))


def _bins(logits: "NDArray[np.float64]") -> "NDArray[np.int64]":
    """By the lead of the first class over the second, in nats."""
    import numpy as np

    ordered = np.partition(logits, -2, axis=1)
    return np.digitize(ordered[:, -1] - ordered[:, -2], (1.0, 2.0, 3.5))


def phrases_of(evidence: TokenEvidence, place: int) -> "Iterator[tuple[NDArray[np.uint64], NDArray[np.float64]]]":
    """For each length, the row's phrases (hashes, each once) and the row's logits without that phrase's tokens."""
    import numpy as np

    tokens = evidence.tokens[place]
    columns, values = _row(evidence.counted, place)
    fold = evidence.fold[place]
    at = np.searchsorted(columns, tokens % evidence.counted.shape[1])
    says = (values[:, None] * evidence.weights[fold, columns]).astype(np.float64)
    hashes = tokens.astype(np.uint64)
    for size in PHRASE_TOKENS:
        if len(tokens) < size:
            return
        last = len(tokens) - size + 1
        mixed = phrase_hashes(hashes, size)
        lost, mass = np.zeros((last, says.shape[1])), np.zeros(last)
        for shift in range(size):
            window = slice(shift, last + shift)
            lost += says[at[window]]
            mass += values[at[window]] ** 2
        unique, first = np.unique(mixed, return_index=True)
        rest = evidence.logits[place] - evidence.bias[fold] - lost[first]
        yield unique, rest / np.sqrt(np.maximum(1 - mass[first], LEAST_REST))[:, None] + evidence.bias[fold]


def without(evidence: TokenEvidence, place: int, phrase: "np.uint64") -> "NDArray[np.float64]":
    """The row's logits without a phrase that it has."""
    return next(logits[phrases == phrase][0] for phrases, logits in phrases_of(evidence, place) if phrase in phrases)


def phrase_hashes(hashes: "NDArray[np.uint64]", size: int) -> "NDArray[np.uint64]":
    """The hash of every run of `size` tokens, in order."""
    import numpy as np

    last = max(len(hashes) - size + 1, 0)
    mixed = np.zeros(last, np.uint64)
    for shift in range(size):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[shift : last + shift] + np.uint64(size)
    return mixed


def _row(counted: Any, place: int) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    start, end = counted.indptr[place : place + 2]
    return counted.indices[start:end], counted.data[start:end]


def _slot(phrases: "NDArray[np.uint64]", label: int) -> "NDArray[np.int64]":
    import numpy as np

    mixed = (phrases + np.uint64(label)) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed >> np.uint64(40)) % np.uint64(TABLE)).astype(np.int64)


def candidates_of(rows: "ScreenRows", evidence: TokenEvidence) -> tuple[Candidates, int]:
    """The phrases worth a test, and how many there are in all."""
    import numpy as np

    seen, turned, agreeing = np.zeros(TABLE, np.int32), np.zeros(TABLE, np.int32), np.zeros(TABLE, np.int32)
    for place, label in enumerate(rows.labels.tolist()):
        for phrases, logits in phrases_of(evidence, place):
            seen[_slot(phrases, 0)] += 1
            against = speaks_against(logits)
            turned[_slot(phrases[against[:, label]], label)] += 1
            for other in np.flatnonzero(~against.all(axis=0)).tolist():
                agreeing[_slot(phrases[~against[:, other]], other)] += 1
    often = int((seen >= FEWEST_TURNED).sum())
    found = _listed(rows, evidence, _Tables(seen, agreeing, turned))
    return _counted(rows, evidence, _chance(rows.labels, evidence.logits), found), max(often, 1)


def _listed(rows: "ScreenRows", evidence: TokenEvidence, tables: _Tables) -> "dict[tuple[int, int], list[int]]":
    """(phrase, label) to the rows it turned, where those are more than the label's usual share."""
    import numpy as np

    against = speaks_against(evidence.logits)
    amiss = against[np.arange(len(rows)), rows.labels]
    usual = np.bincount(rows.labels[amiss], minlength=len(rows.classes)) / np.maximum(against.sum(axis=0), 1)
    found: dict[tuple[int, int], list[int]] = {}
    for place, label in enumerate(rows.labels.tolist()):
        for phrases, logits in phrases_of(evidence, place):
            flips = phrases[speaks_against(logits)[:, label]]
            many = tables.turned[_slot(flips, label)]
            chance = usual[label] * (tables.seen[_slot(flips, 0)] - tables.agreeing[_slot(flips, label)])
            unusual = many - chance > 2 * np.sqrt(np.maximum(chance, 0) + 0.5)
            for phrase in flips[(many >= FEWEST_TURNED) & unusual].tolist():
                found.setdefault((phrase, label), []).append(place)
    return found


def _counted(
    rows: "ScreenRows",
    evidence: TokenEvidence,
    chance: "NDArray[np.float64]",
    found: "dict[tuple[int, int], list[int]]",
) -> Candidates:
    """What chance would do with each phrase, over every row that has it."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.special import softmax

    keys = sorted((key for key, places in found.items() if len(places) >= FEWEST_TURNED),
                  key=lambda key: -len(found[key]))[:MOST_CANDIDATES]  # fmt: skip
    distinct = np.unique(np.array([phrase for phrase, _ in keys], dtype=np.uint64))
    classes = len(rows.classes)
    looked, expected, told = (np.zeros((len(distinct), classes)) for _ in range(3))
    if not len(distinct):
        none = np.zeros(0)
        return Candidates(distinct, none.astype(np.int64), none, none, none, csr_matrix((0, len(rows))), rows.labels)
    for place in range(len(rows)):
        for phrases, logits in phrases_of(evidence, place):
            at = np.minimum(np.searchsorted(distinct, phrases), len(distinct) - 1)
            here = distinct[at] == phrases
            if here.any():
                against = speaks_against(logits[here])
                looked[at[here]] += against
                expected[at[here]] += against * chance[logits[here].argmax(axis=1), _bins(logits[here])]
                told[at[here]] += against * softmax(logits[here], axis=1)
    rank = np.searchsorted(distinct, np.array([phrase for phrase, _ in keys], dtype=np.uint64))
    labels = np.array([label for _, label in keys], dtype=np.int64)
    ends = np.cumsum([0, *(len(found[key]) for key in keys)])
    members = np.concatenate([found[key] for key in keys])
    turned = csr_matrix((np.ones(len(members)), members, ends), shape=(len(keys), len(rows)))
    pairs = (rank, labels)
    return Candidates(distinct[rank], labels, looked[pairs], expected[pairs], told[pairs], turned, rows.labels)
