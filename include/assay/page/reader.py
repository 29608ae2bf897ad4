"""Who looks, and at which pipelines they may look; without one, nobody sees anything."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi import HTTPException, Request

from assay.ledger import LedgerEntry

_NAMED = re.compile(r"(?:dataset|model|deployment|report|decision|schedule)/([^.@:/\s]+)")


@dataclass(frozen=True)
class Reader:
    """readable: those of some pipelines that this person may see."""

    name: str
    readable: Callable[[frozenset[str]], frozenset[str]]

    def may_read(self, pipeline: str) -> bool:
        """Whether they may see `pipeline`; what belongs to none ("") is for everybody who may look."""
        return not pipeline or pipeline in self.readable(frozenset({pipeline}))

    def require(self, pipeline: str) -> None:
        """Raises HTTPException 403 unless they may see `pipeline`."""
        if not self.may_read(pipeline):
            raise HTTPException(403, "This belongs to a pipeline that you may not read; ask who runs Airflow for it.")

    def require_entry(self, entry: LedgerEntry) -> None:
        """Raises HTTPException 403 unless they may see the statement."""
        for pipeline in pipelines_of(entry):
            self.require(pipeline)

    def entries(self, entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
        """Those that they may see."""
        told = [(entry, pipelines_of(entry)) for entry in entries]
        readable = self.readable_of(pipeline for _, pipelines in told for pipeline in pipelines)
        return [entry for entry, pipelines in told if pipelines <= readable]

    def readable_of(self, pipelines: Iterable[str]) -> frozenset[str]:
        """All in one question."""
        return self.readable(frozenset(pipelines) - {""}) | {""}


def reader_of(request: Request) -> Reader:
    """The reader that the application's guard found. Raises HTTPException 401 when there was none."""
    reader = getattr(request.state, "reader", None)
    if not isinstance(reader, Reader):
        raise HTTPException(401, "Not authenticated")
    return reader


def pipelines_of(entry: LedgerEntry) -> frozenset[str]:
    """Whose statement it is: its pipeline's; a quarantine, which has none, speaks of those whose versions it names."""
    report = entry.report
    if "." not in report.pipeline:
        return frozenset({report.pipeline})
    return frozenset(pipeline_of(subject.name) for subject in (*report.inputs.values(), *report.products.values()))


def pipeline_of(name: str) -> str:
    """The pipeline that a version's name belongs to; "" for names of other producers, people and sources."""
    match = _NAMED.match(name)
    return match[1] if match else ""
