"""Where every pipeline stands: the newest statement of each step, what serves, and what needs a person's attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from assay.lineage.served import Served
from assay.page.entries import Heading
from assay.page.newest import Steps
from assay.quarantine.declaration import Declaration
from assay.quarantine.marks import speaking_against
from assay.records import Step, Verdict

COLUMNS = (
    Step.COLLECT, Step.VALIDATE, Step.SCREEN, Step.SPLIT, Step.TRAIN, Step.EXPORT, Step.ASSAY, Step.GATE,
    Step.APPROVE, Step.REGISTER, Step.DEPLOY, Step.WATCH,
)  # fmt: skip
_OF_A_RUN = frozenset(COLUMNS) - {Step.WATCH}


class Need(IntEnum):
    """Why a pipeline needs attention, the most urgent first."""

    QUARANTINE = 0
    FAILED = 1
    DRIFT = 2
    NOT_CHECKED = 3
    NOT_SERVED = 4
    NOTHING = 5


@dataclass(frozen=True)
class Standing:
    """One line of the board. steps: the newest statement of each. bad: declarations that meet what serves."""

    pipeline: str
    steps: Steps
    served: Served | None
    bad: tuple[Declaration, ...]

    @cached_property
    def run_id(self) -> str:
        """Of the newest training run."""
        newest = max((self.steps[step] for step in self.steps if step in _OF_A_RUN), key=_seq, default=None)
        return newest.run_id if newest else ""

    def is_current(self, heading: Heading) -> bool:
        """Whether it belongs to the newest training run; a watch always does."""
        return heading.step == Step.WATCH.value or heading.run_id == self.run_id

    @property
    def need(self) -> Need:
        return self._attention[0]

    @property
    def words(self) -> str:
        """What is wrong, or that nothing is."""
        return self._attention[1]

    @cached_property
    def _attention(self) -> tuple[Need, str]:
        if self.bad:
            return Need.QUARANTINE, f"serves what was made of {self.bad[0].bad.reference}, declared bad"
        said = {verdict: self._steps_that_say(verdict) for verdict in (Verdict.FAILED, Verdict.NOT_CHECKED)}
        if said[Verdict.FAILED]:
            return Need.FAILED, f"{_listed(said[Verdict.FAILED])} failed in the newest run"
        if self._drifts:
            return Need.DRIFT, "the newest window drifted"
        if said[Verdict.NOT_CHECKED]:
            return Need.NOT_CHECKED, f"{_listed(said[Verdict.NOT_CHECKED])} not checked in the newest run"
        if self.served is None:
            return Need.NOT_SERVED, "nothing serves"
        return Need.NOTHING, "nothing to do"

    @property
    def _drifts(self) -> bool:
        """Whether the newest window alarmed while what serves now served."""
        watch = self.steps.get(Step.WATCH)
        if watch is None or self.served is None:
            return False
        return watch.verdict == Verdict.FAILED.value and watch.at >= self.served.since

    def _steps_that_say(self, verdict: Verdict) -> list[str]:
        told = (self.steps[step] for step in COLUMNS if step in _OF_A_RUN and step in self.steps)
        return [heading.step for heading in told if heading.verdict == verdict.value and heading.run_id == self.run_id]


def standings(
    newest: Mapping[str, Steps], served: tuple[Served, ...], declared: Mapping[str, Declaration]
) -> dict[str, Standing]:
    """Every pipeline by name, as the index tells."""
    serving = {one.name: one for one in served}
    return {
        name: Standing(
            name,
            steps,
            serving.get(name),
            speaking_against(serving[name], declared.values()) if name in serving else (),
        )
        for name, steps in newest.items()
    }


def _listed(steps: list[str]) -> str:
    return ", ".join(steps)


def _seq(heading: Heading) -> int:
    return heading.seq
