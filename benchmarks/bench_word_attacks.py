"""Assay's attacks on words beside plain ones of equal budget, on the spam model: robust accuracy, questions, seconds.

    python benchmarks/bench_word_attacks.py MAILS [--rows 100] [--epsilon 0.05 0.2] [--queries 500]

MAILS: a Parquet file of text and label, `spam` or `ham`; three quarters train the model, the rest is attacked. The
peers are written here as published, one question at a time, under the same law: DeepWordBug (Gao et al. 2018), every
word left out once, then the best of four slips a word in that order; good words (Lowd & Meek 2005), the best word of
the other class by its share of texts, one more at a time.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assay.inference import OnnxModel
from assay.sdk import Rows, TrainingContext
from assay.spec import WordThreat
from models.spam import SpamModel
from tasks.attacks.asking import margin, texts
from tasks.attacks.words.law import budget, may_insert, within
from tasks.attacks.words.rewrites import rewrites
from tasks.attacks.words.suite import attack_words
from tasks.attacks.words.wording import Edit, Wording

IN_WORDS, INSERTING = ["typo", "homoglyph", "delete"], ["insert"]
ALL = [*IN_WORDS, *INSERTING]
Texts, Labels = NDArray[Any], NDArray[np.int64]
Ask = Callable[[str], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mails", type=Path)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.05, 0.2])
    parser.add_argument("--queries", type=int, default=500)
    asked = parser.parse_args()
    model, held, labels = trained(asked.mails)
    rows, known = held[: asked.rows], labels[: asked.rows]
    for epsilon in asked.epsilon:
        for moves, peer in ((ALL, None), (INSERTING, good_words), (IN_WORDS, deep_word_bug)):
            threat = WordThreat(norm="words", epsilon=epsilon, queries=asked.queries, moves=moves)
            line = {"epsilon": epsilon, "moves": moves, "assay": by_assay(model, threat, rows, known, (held, labels))}
            if peer:
                line["plain"] = by_peer(peer(held, labels), model, threat, rows, known)
                line["time_ratio_per_question"] = round(
                    line["plain"]["ms_per_question"] / line["assay"]["ms_per_question"], 2
                )
            print(json.dumps(line), flush=True)


def trained(mails: Path) -> tuple[OnnxModel, Texts, Labels]:
    """The served model, and the texts and labels held out."""
    table = pq.read_table(mails)
    order = np.random.default_rng(0).permutation(len(table))
    told = texts(table["text"].to_pylist())[order]
    labels = np.array([int(label == "spam") for label in table["label"].to_pylist()], np.int64)[order]
    end = len(told) * 3 // 4
    train = Rows(told[:end], labels[:end], tuple(map(str, range(end))))
    model = SpamModel()
    with TemporaryDirectory() as folder:
        model.train_function(train, TrainingContext(0, Path(folder), lambda *_: None, train, 2))
        model.export_function(Path(folder) / "spam.onnx")
        served = OnnxModel((Path(folder) / "spam.onnx").read_bytes(), "spam")
    return served, told[end:], labels[end:]


def by_assay(
    model: OnnxModel, threat: WordThreat, rows: Texts, labels: Labels, corpus: tuple[Texts, Labels]
) -> dict[str, Any]:
    """Seconds and questions of the attacks alone, without learning good words, which is told beside."""
    made = attack_words(lambda batch: model.predict(batch).probabilities, rows, labels, threat, corpus=corpus)
    seconds = sum(one.seconds for one in made.found.outcomes)
    return {
        "clean": float(made.found.clean.mean()),
        "robust": made.found.robust_accuracy,
        **costs(made.found.queries, seconds),
        "edits": mean([moved.changes for moved in made.found.moved.values()]),
        "learning_questions": made.learning_queries,
        "doubts": [check.name for check in made.checks if check.verdict.value != "passed"],
    }


def by_peer(
    attack: "Callable[[WordThreat, str, int], Search]",
    model: OnnxModel,
    threat: WordThreat,
    rows: Texts,
    labels: Labels,
) -> dict[str, Any]:
    """A text falls when the peer's rewording is lawful and fools the model."""
    started, robust, asked, edits = time.perf_counter(), 0, [], []
    for text, label in zip(rows, labels, strict=True):
        counted, fallen = 0, False
        search = attack(threat, text, int(label))
        proposal, after = text, one_margin(model, text, label)
        right = after > 0
        while right and counted < threat.queries:
            try:
                proposal = next(search) if counted == 0 else search.send(after)
            except StopIteration:
                break
            after, counted = one_margin(model, proposal, label), counted + 1
            moved = within(threat, text, proposal) if after < 0 else None
            if moved:
                fallen = True
                edits.append(moved.changes)
                break
        robust += right and not fallen
        asked.append(counted)
    seconds = time.perf_counter() - started
    return {"robust": robust / len(rows), **costs(np.array(asked), seconds), "edits": mean(edits)}


Search = Any  # a generator of texts that is sent their margins


def deep_word_bug(corpus: Texts, labels: Labels) -> "Callable[[WordThreat, str, int], Search]":
    def search(threat: WordThreat, text: str, label: int) -> Iterator[str]:
        wording, falls = Wording.of(text), []
        whole = yield text
        for place in range(len(wording.words)):
            falls.append(whole - (yield wording.without(place, place + 1)))
        edits: list[Edit] = []
        for place in sorted(range(len(falls)), key=lambda at: -falls[at])[: budget(threat.epsilon, len(falls))]:
            forms = [*rewrites(threat, wording.words[place]), *([""] if "delete" in threat.moves else [])]
            tried = []
            for form in forms:
                after = yield wording.edited([*edits, Edit(place, form)])
                tried.append((after, Edit(place, form)))
            edits += [min(tried, key=lambda one: one[0])[1]] if tried else []

    return search


def good_words(corpus: Texts, labels: Labels) -> "Callable[[WordThreat, str, int], Search]":
    shares: dict[int, Counter[str]] = {}
    for label in (0, 1):
        own = [frozenset(filter(may_insert, text.split())) for text in corpus[labels == label]]
        counts = Counter(word for words in own for word in words)
        shares[label] = Counter({word: count / len(own) for word, count in counts.items()})

    def search(threat: WordThreat, text: str, label: int) -> Iterator[str]:
        wording = Wording.of(text)
        lead = {word: share - shares[label][word] for word, share in shares[1 - label].items()}
        best = sorted(lead, key=lambda word: (-lead[word], word))
        for count in range(1, budget(threat.epsilon, len(wording.words)) + 1):
            yield wording.edited(Edit(len(wording.words), word, is_new=True) for word in best[:count])

    return search


def one_margin(model: OnnxModel, text: str, label: int) -> float:
    return float(margin(model.predict(texts([text])).probabilities.astype(np.float64), int(label))[0])


def costs(asked: NDArray[np.int64], seconds: float) -> dict[str, float]:
    per_question = round(1000 * seconds / max(int(asked.sum()), 1), 2)
    return {"questions": round(float(asked.mean()), 1), "seconds": round(seconds, 1), "ms_per_question": per_question}


def mean(values: list[int]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


if __name__ == "__main__":
    main()
