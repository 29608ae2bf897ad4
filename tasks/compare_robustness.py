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
_THREAT = ("norm", "epsilon", "suite", "steps", "restarts", "moves", "most", "fixed", "queries")


def compare_robustness(request: StepRequest, bench: Workbench, assayed: LedgerEntry | None) -> tuple[Comparison, ...]:
    """The paired counts, one a threat model of the challenger's assay.

    Both sides' outcomes come from their own assay statements: frozen rows keep their order, so that both were attacked
    on mostly the same ones. A threat model that the champion was never attacked with is a problem, told in words.
    """
    serving = serving_now(bench.ledger, request.spec.name)
    if serving is None:
        return (Comparison(),)
    champion, name = serving.report.inputs["model"], f"champion version {serving.report.facts['version']}"
    if champion.sha256 == request.input("model").sha256:
        return (Comparison(champion=name),)
    before = next(iter(bench.ledger.find(subject_sha256=champion.sha256, step=Step.ASSAY, limit=1)), None)
    ours, theirs = _attacks(assayed), _attacks(before)
    if not ours or not all(ours.values()):
        why = "the challenger was not attacked, or no outcomes of it were kept; run the assay step"
        return (Comparison(champion=name, problem=why),)
    absent = [_words(threat) for threat in ours if not theirs.get(threat)]
    if absent:
        why = f"{name} was never attacked by {', '.join(absent)}; promote one model under the new threat model first"
        return (Comparison(champion=name, problem=f"{why}, without this rule"),)
    return tuple(_paired(name, bench, ours[threat], theirs[threat], _words(threat)) for threat in ours)


_Threat = tuple[str, ...]


def _attacks(entry: LedgerEntry | None) -> Mapping[_Threat, str]:
    """Threat model -> digest of its outcomes by row, "" where none were kept."""
    return dict(_outcomes(entry.report.facts.get("evasion"))) if entry else {}


def _outcomes(evasion: Json) -> Iterator[tuple[_Threat, str]]:
    for told in evasion if isinstance(evasion, list) else []:
        if isinstance(told, Mapping):
            yield tuple(str(told.get(key)) for key in _THREAT), str(told.get("outcomes") or "")


def _words(threat: _Threat) -> str:
    return " ".join(word for word in threat[:3] if word != "None")


def _paired(name: str, bench: Workbench, ours: str, theirs: str, under: str) -> Comparison:
    new, old = _standing(bench, ours), _standing(bench, theirs)
    both = new.keys() & old.keys()
    if len(both) < FEWEST_ROWS:
        why = f"{under}: {len(both)} rows were attacked on both, {FEWEST_ROWS} are needed"
        return Comparison(champion=name, problem=why)
    only_new = sum(new[row] and not old[row] for row in both)
    only_old = sum(old[row] and not new[row] for row in both)
    return Comparison(len(both), only_new, only_old, name, under=under)


def _standing(bench: Workbench, digest: str) -> dict[str, bool]:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(bench.store.read(digest)), columns=["row_id", "robust"])
    return dict(zip(*table.to_pydict().values(), strict=True))
