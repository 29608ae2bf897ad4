"""Which inputs the answers rest on, and whether that can be believed.

Modules with gradients are explained by integrated gradients, tables and images behind a file by sampled Shapley values,
texts by leaving words out. An explanation that fails one of its sanity checks is not checked, never passed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from assay.inference import OnnxModel
from assay.json_types import Json
from assay.records import Check, Verdict
from assay.sdk import GradientModel, Rows
from tasks.examination.case import Examined, ModelCase
from tasks.explanation.explained import Explained
from tasks.explanation.gradients import Path, integrate_gradients
from tasks.explanation.images import is_picture, picture_facts, pixel_values
from tasks.explanation.known import commonest_half, known_answer, known_module, known_word_answer, liveliest
from tasks.explanation.shapley import sample_shapley
from tasks.explanation.similarity import attribution_similarity, parts_of
from tasks.explanation.tables import column_facts, column_names
from tasks.explanation.texts import common_words, word_facts
from tasks.explanation.trust import check_canary, check_deletion, check_shuffled, check_stable, check_sum
from tasks.explanation.words import leave_out_words
from tasks.training.rows import row_position, select_rows

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_FEWEST_ROWS, _MOST_VALUES = 20, 20_000_000
_SUSPICIOUS = 0.6


@dataclass(frozen=True)
class _Told:
    """One method's outcome. strongest: the most important single input, and its share of all importance."""

    method: str
    facts: dict[str, Json]
    checks: tuple[Check, ...]
    strongest: tuple[str, float]


def examine_explanations(case: ModelCase, champion: OnnxModel | None = None) -> Examined:
    """facts: method, importances by kind of data, concentration, and how alike the champion rests on them.

    metrics: attribution_concentration and, with a champion, attribution_similarity (its overlap), both in [0, 1].
    """
    started = time.perf_counter()
    asked = case.spec.assay.explanations
    rows = _chosen(case.rows["holdout"], asked.samples if asked else 0)
    if len(rows) < _FEWEST_ROWS:
        words = f"expected {_FEWEST_ROWS} rows to explain, found {len(rows)}"
        return Examined({"problem": words}, (Check("explanations", Verdict.NOT_CHECKED, words),))
    told = _explain(case, rows)
    name, share = told.strongest
    facts: dict[str, Json] = {
        "method": told.method,
        "samples": len(rows),
        **told.facts,
        "concentration": {"input": name, "share": round(share, 4), "note": _note(name, share)},
    }
    metrics = {"attribution_concentration": share}
    if champion is not None:
        names = tuple(_names(case, rows.inputs.shape[1:])) if rows.inputs.ndim == 2 else ()
        alike = attribution_similarity(case.served, champion, rows.inputs, names, case.seed)
        facts["champion"] = alike.to_json()
        metrics |= {} if alike.problem else {"attribution_similarity": alike.overlap}
    facts["seconds"] = round(time.perf_counter() - started, 3)
    case.say(f"explanations: {told.method}, most on {name} with {share:.1%}")
    return Examined(facts, tuple(replace(check, name=f"explanations: {check.name}") for check in told.checks), metrics)


def _chosen(rows: Rows, samples: int) -> Rows:
    """In an order that follows from row ids alone; fewer where rows are very large."""
    import numpy as np

    width = int(np.prod(rows.inputs.shape[1:]))
    count = min(samples, max(_FEWEST_ROWS, _MOST_VALUES // max(width, 1)))
    return select_rows(rows, np.argsort([row_position(row_id) for row_id in rows.row_ids], kind="stable")[:count])


def _note(name: str, share: float) -> str:
    return f"{share:.0%} of all importance is on {name} alone: a shortcut?" if share > _SUSPICIOUS else ""


def _explain(case: ModelCase, rows: Rows) -> _Told:
    if rows.inputs.dtype == object:
        return _by_words(case, [str(text) for text in rows.inputs.flat])
    model = case.candidate()
    if isinstance(model, GradientModel):
        return _by_gradients(case, rows, model)
    return _by_shapley(case, rows)


def _by_gradients(case: ModelCase, rows: Rows, model: GradientModel) -> _Told:
    """From the framework's module, along straight paths from the mean row."""
    module = cast("torch.nn.Module", model.module_function())
    inputs = model.to_model_space(rows.inputs)
    path = Path(inputs, inputs.mean(axis=0), model.predict_function(rows.inputs).argmax(axis=1))
    explained = integrate_gradients(module, path)
    place = liveliest(inputs)
    known = integrate_gradients(known_module(place, case.classes), path)
    facts, strongest, values = _pictured(case, explained, inputs)
    checks = (
        check_canary(float(known.importance[place])),
        check_sum(explained),
        check_shuffled(explained, module, lambda other: integrate_gradients(other, path), case.seed),
        check_deletion(explained, case.seed),
        check_stable(values),
    )
    return _Told("integrated gradients", {"baseline": "mean row", **facts}, checks, strongest)


def _by_shapley(case: ModelCase, rows: Rows) -> _Told:
    """From the answers of the served file."""
    inputs, parts = rows.inputs, parts_of(rows.inputs)
    explained = sample_shapley(_answers(case.served), inputs, inputs, parts, case.seed)
    place = liveliest(inputs)
    known = sample_shapley(known_answer(place, inputs), inputs, inputs, parts, case.seed)
    each = explained if not is_picture(inputs.shape[1:]) else _spread(explained, inputs, parts.number)
    facts, strongest, _ = _pictured(case, each, inputs)
    checks = (
        check_canary(float(known.importance[int(parts.number[place])])),
        check_sum(explained),
        check_deletion(explained, case.seed),
        check_stable(explained.values),
    )
    return _Told("sampled Shapley values", {"baseline": "other rows", **facts}, checks, strongest)


def _by_words(case: ModelCase, texts: list[str]) -> _Told:
    """From the answers of the served file."""
    left_out = leave_out_words(_answers(case.served), texts, case.seed)
    words, values = common_words(left_out)
    known_word = commonest_half(texts)
    known, known_values = leave_out_words(known_word_answer(known_word), texts, case.seed).by_word()
    total = abs(known_values).sum() or 1.0
    found = float(abs(known_values[:, known.index(known_word)]).sum() / total) if known_word in known else 0.0
    every, all_values = left_out.by_word()
    sizes = abs(all_values).sum(axis=0)
    strongest = (
        (f"word {every[int(sizes.argmax())]!r}", float(sizes.max() / (sizes.sum() or 1.0))) if every else ("", 0.0)
    )
    checks = (check_canary(found), check_deletion(left_out.explained, case.seed), check_stable(values))
    facts: dict[str, Json] = {**word_facts(left_out), "common_words": len(words)}
    return _Told("words left out", facts, checks, strongest)


def _pictured(
    case: ModelCase, explained: Explained, inputs: "NDArray[Any]"
) -> tuple[dict[str, Json], tuple[str, float], "NDArray[Any]"]:
    """Facts, the strongest input, and the values that two halves of the rows are compared by."""
    shape = inputs.shape[1:]
    if is_picture(shape):
        pictures = pixel_values(explained.values, shape)
        flat = pictures.reshape(len(pictures), -1)
        sizes = abs(flat).mean(axis=0)
        at = int(sizes.argmax())
        row, column = divmod(at, pictures.shape[2])
        strongest = f"pixel at row {row}, column {column}", float(sizes[at] / (sizes.sum() or 1.0))
        return picture_facts(explained, pictures), strongest, flat
    names = _names(case, shape)
    at = int(explained.importance.argmax())
    strongest = names[at], float(explained.importance[at])
    return column_facts(explained, names, case.seed), strongest, explained.values


def _names(case: ModelCase, shape: tuple[int, ...]) -> list[str]:
    """Of the columns, where a raw row is what the model sees; else numbers."""
    import numpy as np

    raw = case.rows["holdout"].inputs
    if raw.ndim == 2 and raw.shape[1:] == shape:
        return column_names(case.columns, case.spec.data.collector.aside, raw)
    return [f"input {at}" for at in range(int(np.prod(shape)))]


def _spread(explained: Explained, inputs: "NDArray[Any]", number: "NDArray[Any]") -> Explained:
    """A cell's value evenly over the values of a row that it holds."""
    import numpy as np

    return replace(explained, values=explained.values[:, number] / np.bincount(number)[number])


def _answers(served: OnnxModel) -> "Callable[[NDArray[Any]], NDArray[Any]]":
    return lambda batch: served.predict(batch).probabilities
