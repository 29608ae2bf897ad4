"""The signed word itself: something is bad, or is so no longer; appended before anything is done about it."""

from dataclasses import dataclass

from assay.digests import canonical_json
from assay.json_types import Json, JsonObject
from assay.ledger import LedgerEntry
from assay.quarantine.declaration import MARKED, PIPELINE, Bad
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.station import append_report
from assay.workbench import Workbench
from tasks.quarantine.spread import Spread


@dataclass(frozen=True)
class Word:
    """What a person says of it. is_release: it is bad no longer."""

    bad: Bad
    reason: str
    is_release: bool = False


def declare(word: Word, spread: Spread, context: RunContext, bench: Workbench) -> LedgerEntry:
    """Sign and append. Its subjects are what is bad and every model made of it, each found by its digest later."""
    started = bench.clock()
    parameters: JsonObject = {"reference": word.bad.reference, "reason": word.reason, "released": word.is_release}
    return append_report(_report(word, spread, bench), context, bench, started, parameters)


def _report(word: Word, spread: Spread, bench: Workbench) -> StepReport:
    named = {node.digest: node.name for node in spread.nodes}
    bad = {f"bad-{at}": Subject(named.get(d, "unknown"), d) for at, d in enumerate(sorted(word.bad.digests))}
    models = {f"{MARKED}-{at}": model for at, model in enumerate(spread.models)}
    done = "released" if word.is_release else "declared bad"
    listed: Json = [node.to_json() for node in spread.nodes]
    return StepReport(
        step=Step.QUARANTINE,
        pipeline=PIPELINE,
        verdict=Verdict.PASSED,
        inputs={**bad, **models},
        judged=(*bad, *models),
        checks=(Check(word.bad.kind.value, Verdict.PASSED, f"{word.bad.reference} {done}: {word.reason}"),),
        facts={
            "bad": word.bad.to_json(),
            "reason": word.reason,
            "released": word.is_release,
            "descendants": len(spread.nodes),
            "descendants_list": bench.store.put_bytes(canonical_json(listed)),
            "live": [live.to_json() for live in spread.live],
        },
    )
