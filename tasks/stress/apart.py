"""Ask model files questions in a process of its own, which may crash, hang or run out of memory without harm.

A question that ends the process is told with the cause, and a new process goes on behind it.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import pathsep
from pathlib import Path
from signal import SIGALRM, Signals
from typing import TYPE_CHECKING, Any

from assay.json_types import JsonObject

if TYPE_CHECKING:
    from numpy.typing import NDArray

Key = tuple[str, str, str]  # model, stage, question

_MOST_PROCESSES = 4


@dataclass(frozen=True)
class Limits:
    """For one question, for all of them, and how many bytes the process may take beyond its own."""

    question_seconds: int = 20
    seconds: int = 240
    bytes: int = 4 << 30


@dataclass(frozen=True)
class Answers:
    """outcomes: by model, stage and question; `died` in words where the process did not survive the question.

    missing: questions that were not asked, because too many processes died or the time was up. problem: why.
    """

    outcomes: Mapping[Key, JsonObject]
    missing: tuple[Key, ...] = ()
    problem: str = ""

    def of(self, model: str, stage: str) -> dict[str, JsonObject]:
        """One stage's outcomes, by question."""
        return {name: told for (where, what, name), told in self.outcomes.items() if (where, what) == (model, stage)}


@dataclass
class _Told:
    """What the processes said so far."""

    asked: list[Key] = field(default_factory=list)
    begun: list[Key] = field(default_factory=list)
    outcomes: dict[Key, JsonObject] = field(default_factory=dict)


def ask_apart(
    models: Mapping[str, Path],
    stages: Mapping[str, Sequence[str]],
    rows: "NDArray[Any]",
    workdir: Path,
    limits: Limits = Limits(),
) -> Answers:
    """stages: model -> which of `speed`, `values`, `shapes`, `alike` are asked of it. rows: ordinary ones.

    rows: numbers as the model takes them, or strings as (rows, 1). Raises nothing for what a model does.
    """
    folder = Path(tempfile.mkdtemp(prefix="stress-", dir=workdir))
    plan: dict[str, Any] = {
        "models": {name: str(path) for name, path in models.items()},
        "stages": {name: list(wanted) for name, wanted in stages.items()},
        "rows": str(_write_rows(rows, folder)),
        "seconds": limits.question_seconds,
        "bytes": limits.bytes,
    }
    told, left, problem, processes = _Told(), float(limits.seconds), "", 0
    while left > 0 and processes < _MOST_PROCESSES:
        (folder / "plan.json").write_text(json.dumps(plan | {"done": told.begun}))
        cause, spent = _run(folder, told, left)
        left, processes = left - spent, processes + 1
        unanswered = [key for key in told.begun if key not in told.outcomes]
        told.outcomes.update({key: {"died": cause} for key in unanswered})
        if not cause:
            break
        if not unanswered:
            problem = f"the process ended before a question: {cause}"
            break
    missing = tuple(key for key in told.asked if key not in told.outcomes)
    if not problem and (missing or not told.asked):
        problem = "too many questions ended the process" if left > 0 else f"{limits.seconds} s are over"
    return Answers(told.outcomes, missing, problem)


def _write_rows(rows: "NDArray[Any]", folder: Path) -> Path:
    import numpy as np

    if rows.dtype == object:
        path = folder / "rows.json"
        path.write_text(json.dumps([str(text) for text in rows.flat]))
        return path
    path = folder / "rows.npy"
    np.save(path, rows, allow_pickle=False)
    return path


def _run(folder: Path, told: _Told, seconds: float) -> tuple[str, float]:
    """One process; why it ended early, or "", and the seconds it took."""
    started, out, err = time.perf_counter(), folder / "out", folder / "err"
    # Nothing of the caller's environment: no secret is within a model's reach.
    environment = {"PYTHONPATH": pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "tasks.stress.probe", str(folder / "plan.json")]
    with out.open("wb") as told_here, err.open("wb") as cried_here:
        process = subprocess.Popen(command, stdout=told_here, stderr=cried_here, env=environment, cwd=folder)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -SIGALRM
    _read(out.read_text(errors="replace").splitlines(), told)
    return _cause(code, err.read_text(errors="replace")), time.perf_counter() - started


def _read(lines: Sequence[str], told: _Told) -> None:
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:  # cut off where the process died
            continue
        if "questions" in said:
            told.asked = [tuple(key) for key in said["questions"]]
        elif "begin" in said:
            told.begun.append(tuple(said["begin"]))
        else:
            told.outcomes[tuple(said["end"])] = said["outcome"]


def _cause(code: int, cried: str) -> str:
    if code == 0:
        return ""
    if code == -SIGALRM:
        return "no answer in the time allowed"
    if code < 0:
        return f"ended by {Signals(-code).name}"
    return f"exit code {code}: {cried.strip().splitlines()[-1][:200] if cried.strip() else 'no word'}"
