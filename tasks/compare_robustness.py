"""Compare champion and challenger under attack: the rows that both were attacked on, by the outcome of each."""

import io
from collections.abc import Iterator, Mapping

from assay.decision import serving_now
from assay.json_types import Json
from assay.ledger import LedgerEntry
from assay.policy import Comparison
from assay.records import Step
from assay.station import StepRequest
from assay.workbench import Workbench

FEWEST_ROWS = 50
_THREAT = ("norm", "epsilon", "suite", "steps", "restarts")


def compare_robustness(request: StepRequest, bench: Workbench, assayed: LedgerEntry | None) -> Comparison:
    """The paired counts under the threat model where the challenger loses most.

    Both sides' outcomes come from their own assay statements: frozen rows keep their order, so that both were attacked
    on mostly the same ones. A threat model that the champion was never attacked with is a problem, told in words.
    """
    serving = serving_now(bench.ledger, request.spec.name)
    if serving is None:
        return Comparison()
    champion, name = serving.report.inputs["model"], f"champion version {serving.report.facts['version']}"
    if champion.sha256 == request.input("model").sha256:
        return Comparison(champion=name)
    before = next(iter(bench.ledger.find(subject_sha256=champion.sha256, step=Step.ASSAY, limit=1)), None)
    ours, theirs = _attacks(assayed), _attacks(before)
    if not ours:
        return Comparison(champion=name, problem="the challenger was not attacked; run the assay step")
    absent = [_words(threat) for threat in ours if threat not in theirs]
    if absent:
        why = f"{name} was never attacked by {', '.join(absent)}; promote one model under the new threat model first"
        return Comparison(champion=name, problem=f"{why}, without this rule")
    made = [_paired(name, bench, ours[threat], theirs[threat]) for threat in ours]
    return min(made, key=lambda one: (not one.problem, one.gain if one.rows else 0.0))


_Threat = tuple[str, ...]


def _attacks(entry: LedgerEntry | None) -> Mapping[_Threat, str]:
    """Threat model -> digest of its outcomes by row."""
    return dict(_outcomes(entry.report.facts.get("evasion"))) if entry else {}


def _outcomes(evasion: Json) -> Iterator[tuple[_Threat, str]]:
    for told in evasion if isinstance(evasion, list) else []:
        if isinstance(told, Mapping) and told.get("outcomes"):
            yield tuple(str(told.get(key)) for key in _THREAT), str(told["outcomes"])


def _words(threat: _Threat) -> str:
    return " ".join(threat[:3])


def _paired(name: str, bench: Workbench, ours: str, theirs: str) -> Comparison:
    new, old = _standing(bench, ours), _standing(bench, theirs)
    both = new.keys() & old.keys()
    if len(both) < FEWEST_ROWS:
        return Comparison(champion=name, problem=f"{len(both)} rows were attacked on both, {FEWEST_ROWS} are needed")
    only_new = sum(new[row] and not old[row] for row in both)
    only_old = sum(old[row] and not new[row] for row in both)
    return Comparison(len(both), only_new, only_old, name)


def _standing(bench: Workbench, digest: str) -> dict[str, bool]:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(bench.store.read(digest)), columns=["row_id", "robust"])
    return dict(zip(*table.to_pydict().values(), strict=True))
