"""Benchmark a model file against an attacker: open, find out what it takes, attack, and say whether to believe it.

Everything is refused before the first attack that would make its number mean something else: another model's data,
labels of other classes, a scale the model was not trained on.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.records import Check, Verdict, combined_verdict
from tasks.attacks.ball import Ball
from tasks.attacks.sanity import trust_checks
from tasks.attacks.suite import SUITES, SuiteResult, run_suite
from tasks.attacks.target import Attack
from tasks.examination.clean import wilson
from tasks.foreign.foreign_model import ForeignModel, open_foreign
from tasks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from tasks.robustness.input_space import InputSpace, fitting_spaces, movable_rows

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

TRIED_ON = 256
SURE = 3.0
CURVE_ROWS = 200
_WEAKER = (0.5, 0.25)


@dataclass(frozen=True)
class BenchRequest:
    """black_white: what black and white are to the model; None: found out. least: robust accuracy below it fails.

    with_corruptions: whether images are also corrupted as nature does it. with_curve: whether smaller attackers, of a
    quarter and of half of the ball, are measured too.
    """

    model: Path
    dataset: Path
    ball: Ball
    suite: str = "quick"
    labels: str | None = None
    samples: int = 1000
    black_white: tuple[float, float] | None = None
    device: str = "cpu"
    seed: int = 0
    least: float | None = None
    with_corruptions: bool = True
    with_curve: bool = False

    def to_json(self) -> JsonObject:
        """All of it, for a process of its own."""
        return {**asdict(self), "model": str(self.model.absolute()), "dataset": str(self.dataset.absolute())}

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        given = cast("dict[str, Any]", {**value})
        scale = given["black_white"]
        changed = {
            "model": Path(given["model"]),
            "dataset": Path(given["dataset"]),
            "ball": Ball(**given["ball"]),
            "black_white": None if scale is None else (scale[0], scale[1]),
        }
        return cls(**(given | changed))


@dataclass(frozen=True)
class _Rows:
    """inputs: in [0, 1]. labels: the model's classes. notes: what had to be found out."""

    inputs: "NDArray[np.float32]"
    labels: "NDArray[np.int64]"
    space: InputSpace
    notes: tuple[str, ...]


def bench_job(request: JsonObject, say: Callable[[str], None]) -> JsonObject:
    """`bench_model` as one job of JSON to JSON."""
    return bench_model(BenchRequest.from_json(request), say)


def bench_model(asked: BenchRequest, say: Callable[[str], None]) -> JsonObject:
    """The command's JSON document. Raises SpecError for a model, a dataset or a pair of them that cannot be."""
    started = time.perf_counter()
    model = open_foreign(asked.model)
    say(f"{model.name}: rows of shape {model.input_shape}, {model.classes} classes")
    rows = _rows(asked, model)
    attacks = [replace(one, batch=asked_batch(asked.device, one)) for one in SUITES[asked.suite]()]  # type: ignore[type-var]
    module = _on_device(rows.space.module(model.module), asked.device)
    result = run_suite(
        module, rows.inputs, rows.labels, asked.ball, attacks, asked.seed, rows.space.query(model.query), say
    )
    say("canaries of the attacks, signs of masked gradients")
    checks = (
        *trust_checks(module, rows.inputs, rows.labels, asked.ball, attacks, result, asked.seed),
        *_bound(asked.least, result.robust_accuracy),
    )
    document = _document(asked, model, rows, result, checks)
    if asked.with_curve:
        say(f"smaller attackers, on the first {CURVE_ROWS} rows")
        document["curve"] = _curve(asked, model, module, rows, result)
    if asked.with_corruptions and rows.inputs.ndim == 4:
        document |= _under_corruptions(asked, model, rows, say)
    return document | {"seconds": round(time.perf_counter() - started, 3)}


def _on_device(module: "torch.nn.Module", device: str) -> "torch.nn.Module":
    """Raises SpecError for a device that is not there."""
    try:
        return module.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises both
        raise SpecError(f"--device {device}: {str(error).splitlines()[0]}; name one that this machine has") from error


def asked_batch(device: str, attack: Attack) -> int:
    """A device wants more rows a pass than a processor's cache holds."""
    return attack.batch if device == "cpu" else 1024


def _rows(asked: BenchRequest, model: ForeignModel) -> _Rows:
    """The sampled rows, their labels as the model numbers them, and the scale under which it knows them best."""
    import numpy as np

    from tasks.screening.file_case import load_case
    from tasks.screening.file_rows import open_rows

    found = load_case(open_rows(asked.dataset, asked.labels), None, 0.01, asked.seed)
    broken = found.reading.counts.broken
    if broken:
        raise SpecError(f"{asked.dataset}: NaN or infinite values in {', '.join(broken)}; mend or drop those rows")
    all_rows = found.case.rows
    codes, note = _codes(all_rows.classes, model)
    inputs = movable_rows(all_rows)
    spaces = fitting_spaces(all_rows, model.input_shape, asked.black_white)
    chosen = np.sort(np.random.default_rng(asked.seed).permutation(len(all_rows))[: asked.samples])
    inputs, labels = inputs[chosen], codes[all_rows.labels[chosen]]
    rights = [_accuracy(space, model, inputs[:TRIED_ON], labels[:TRIED_ON]) for space in spaces]
    best = int(np.argmax(rights))
    _require_knowledge(rights[best], labels[:TRIED_ON], model, spaces[best])
    notes = [note] if note else []
    if len(spaces) > 1:
        low, span = float(spaces[best].low[0]), float(spaces[best].span[0])
        notes.append(f"black and white are {low:g} and {low + span:g} to the model, found out; --range says otherwise")
    return _Rows(inputs, labels, spaces[best], tuple(notes))


def _codes(names: tuple[str, ...], model: ForeignModel) -> "tuple[NDArray[np.int64], str]":
    """The model's number of each class of the dataset, and what had to be assumed."""
    import numpy as np

    if all(name.isdecimal() for name in names):
        codes = np.array([int(name) for name in names], dtype=np.int64)
        if codes.max() < model.classes:
            return codes, ""
    if len(names) != model.classes:
        raise SpecError(
            f"the model knows {model.classes} classes, the dataset has {len(names)}: {', '.join(names[:9])}"
        )
    return np.arange(len(names)), f"classes are numbered in this order: {', '.join(names[:9])}"


def _accuracy(
    space: InputSpace, model: ForeignModel, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]"
) -> float:
    return float((space.query(model.query)(inputs).argmax(axis=1) == labels).mean())


def _require_knowledge(accuracy: float, labels: "NDArray[np.int64]", model: ForeignModel, space: InputSpace) -> None:
    """A model that guesses is one that was given other data than it was made for."""
    import numpy as np

    guess = 1 / model.classes
    most = guess + SURE * float(np.sqrt(guess * (1 - guess) / len(labels)))
    if accuracy <= most:
        raise SpecError(
            f"{model.name} is right on {accuracy:.0%} of the rows, guessing is on {guess:.0%}: expected the data, the "
            "numbering of classes and the range it was trained on; see --labels and --range"
        )


def _bound(least: float | None, measured: float) -> tuple[Check, ...]:
    if least is None:
        return ()
    verdict = Verdict.PASSED if measured >= least else Verdict.FAILED
    return (Check("robust accuracy suffices", verdict, f"at least {least:g} demanded", measured, least),)


def _document(
    asked: BenchRequest,
    model: ForeignModel,
    rows: _Rows,
    result: SuiteResult,
    checks: tuple[Check, ...],
) -> dict[str, Json]:
    samples = len(rows.labels)
    seeing = {check.name for check in checks if check.verdict is Verdict.PASSED}
    attacks: list[Json] = [{**one.to_json(), "canary_broken": f"{one.name} sees" in seeing} for one in result.outcomes]
    return {
        "verdict": combined_verdict(checks).value,
        "model": {"name": model.name, "sha256": model.sha256, "classes": model.classes},
        "threat_model": {"norm": asked.ball.norm, "epsilon": asked.ball.epsilon},
        "suite": asked.suite,
        "clean_accuracy": float(result.clean.mean()),
        "robust_accuracy": result.robust_accuracy,
        "ci95": list(wilson(int(result.robust.sum()), samples)),
        "samples": samples,
        "attacks": attacks,
        "checks": [check.to_json() for check in checks],
        "notes": list(rows.notes),
    }


def _curve(
    asked: BenchRequest, model: ForeignModel, module: "torch.nn.Module", rows: _Rows, result: SuiteResult
) -> Json:
    """[{epsilon, robust_accuracy, rows}] of the first rows; what stands at one epsilon stands at all smaller ones."""
    clean, standing = result.clean[:CURVE_ROWS], result.robust[:CURVE_ROWS].copy()
    found = {0.0: float(clean.mean()), asked.ball.epsilon: float(standing.mean())}
    for factor in _WEAKER:
        again = clean & ~standing
        ball = Ball(asked.ball.norm, factor * asked.ball.epsilon)
        if again.any():
            inputs, labels = rows.inputs[:CURVE_ROWS][again], rows.labels[:CURVE_ROWS][again]
            attacks = [replace(one, batch=asked_batch(asked.device, one)) for one in SUITES["quick"]()]  # type: ignore[type-var]
            query = rows.space.query(model.query)
            standing[again] = run_suite(module, inputs, labels, ball, attacks, asked.seed, query).robust
        found[ball.epsilon] = float(standing.mean())
    return [{"epsilon": at, "robust_accuracy": found[at], "rows": len(clean)} for at in sorted(found)]


def _under_corruptions(
    asked: BenchRequest, model: ForeignModel, rows: _Rows, say: Callable[[str], None]
) -> dict[str, Json]:
    """Accuracy of the served file under each corruption and severity, and the mean over all."""
    found: list[Json] = []
    accuracies = []
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            inputs = corrupt(rows.inputs, name, severity, asked.seed)
            accuracies.append(_accuracy(rows.space, model, inputs, rows.labels))
            found.append({"name": name, "severity": severity, "accuracy": accuracies[-1]})
    mean = sum(accuracies) / len(accuracies)
    say(f"corruptions: mean accuracy {mean:.4f} over {len(CORRUPTIONS)} kinds at {len(SEVERITIES)} severities")
    return {"corruptions": found, "mean_corruption_accuracy": mean}
