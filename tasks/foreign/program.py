"""A program of `torch.export.save` as a differentiable module, read without torch's own loader.

Loading runs nothing of the file: `program_archive` says what torch's loader would do, and reads the archive as
data; here its graph becomes steps, each a call of a listed operator of torch. The arithmetic is torch's own, so
the module is the program: its gradients and its answers.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.foreign.program_archive import malformed, read_archive
from tasks.foreign.program_plan import ProgramPlan, plan_program
from tasks.foreign.steps import UNFIT, Head, StepModule

if TYPE_CHECKING:
    from tasks.foreign.query import Query

_ROWS_PER_RUN = 256


@dataclass(frozen=True)
class Program:
    """module: raw rows to logits. plan: what the archive says."""

    module: StepModule
    plan: ProgramPlan
    head: Head


def load_program(data: bytes, name: str) -> Program:
    """The program in `data`. Raises SpecError, naming it, for what is not supported; nothing of the file is run."""
    archive = read_archive(data, name)
    try:
        plan = plan_program(archive, name)
    except UNFIT as error:  # JSON of another form than torch writes
        raise malformed(name, error) from error
    return Program(StepModule(plan.steps, plan.head, plan.input_type).eval(), plan, plan.head)


def of_probabilities(program: Program) -> Program:
    """The program whose answers turned out to be probabilities: scores are their logarithm."""
    module = StepModule(program.plan.steps, Head.PROBABILITIES, program.plan.input_type).eval()
    return replace(program, module=module, head=Head.PROBABILITIES)


def query_program(program: Program) -> "Query":
    """Scores of rows through the module itself, without gradients; a whole-number input is rounded and clipped."""
    kind = np.dtype(program.plan.input_type)

    def query(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if kind.kind != "f":
            limits = np.iinfo(kind)
            rows = np.clip(np.rint(rows), limits.min, limits.max)
        device = next((one.device for one in program.module.buffers()), torch.device("cpu"))
        parts = []
        with torch.no_grad():
            for start in range(0, max(len(rows), 1), _ROWS_PER_RUN):
                part = np.ascontiguousarray(rows[start : start + _ROWS_PER_RUN], np.float32)
                parts.append(program.module(torch.from_numpy(part).to(device)).cpu().numpy())
        scores: NDArray[np.float32] = np.concatenate(parts)
        return scores

    return query
