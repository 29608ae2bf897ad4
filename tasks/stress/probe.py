"""Runs apart from Assay: asks a model file one question after another and tells each answer as a line of JSON.

Numpy and ONNX Runtime alone, so that memory and time are the model's own. What it begins it says first: when a model
ends this process, the last line names the question. `python -m tasks.stress.probe PLAN` is how `apart` starts it.
"""

import contextlib
import json
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from tasks.stress.odd import texts_of
from tasks.stress.questions import Asked, Outcome, Question, memory, questions

if TYPE_CHECKING:
    from numpy.typing import NDArray


def main(plan: Path) -> None:
    """plan: models by name, rows, stages by model, questions to leave out, seconds a question, bytes allowed."""
    told = json.loads(plan.read_text())
    rows = load_rows(Path(told["rows"]))
    found = [
        (model, stage, name, question)
        for model, stages in told["stages"].items()
        for stage in stages
        for name, question in questions(rows, stage).items()
    ]
    _say({"questions": [[model, stage, name] for model, stage, name, _ in found]})
    _limit(told["bytes"])
    opened: dict[str, Asked] = {}
    for model, stage, name, question in found:
        if [model, stage, name] in told["done"]:
            continue
        _say({"begin": [model, stage, name]})
        signal.alarm(told["seconds"])  # not caught: it ends the process even while the model computes
        outcome = _outcome(partial(_ask, question, partial(_open, model, told, rows, opened)))
        signal.alarm(0)
        _say({"end": [model, stage, name], "outcome": outcome})


def load_rows(path: Path) -> "NDArray[Any]":
    """`rows.npy` of numbers, or `rows.json` of texts."""
    if path.suffix == ".json":
        return texts_of(json.loads(path.read_text()))
    loaded: NDArray[Any] = np.load(path, allow_pickle=False)
    return loaded


def _ask(question: Question, opened: Callable[[], Asked]) -> Outcome:
    return question(opened())


def _open(model: str, told: Mapping[str, Any], rows: "NDArray[Any]", opened: dict[str, Asked]) -> Asked:
    if model not in opened:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as it is served
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        idle = memory("VmRSS")
        session = ort.InferenceSession(told["models"][model], options, providers=["CPUExecutionProvider"])
        opened[model] = Asked(session, rows, idle)
    return opened[model]


def _limit(allowed: int) -> None:
    """What a model asks for beyond it is refused by the system, not taken from the other processes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory("VmSize"):
        limit = memory("VmSize") + allowed
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _outcome(ask: Callable[[], Outcome]) -> Outcome:
    """The answer, or why there is none: `refused`, or `exhausted` when memory gave out."""
    started = time.perf_counter()
    try:
        told = ask()
    except MemoryError:
        return {"exhausted": "MemoryError"}
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many types; each is an answer here
        words = f"{type(error).__name__}: {error}"
        return {"exhausted" if "alloc" in words.lower() else "refused": words[:200]}
    return told | {"seconds": round(time.perf_counter() - started, 4)}


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
