"""Let quarantined rows back in by a person's signed word, or take that word back; the next screen honours it."""

import json
from typing import TYPE_CHECKING, cast

from assay.dataset import load_dataset
from assay.errors import SpecError
from assay.ledger import LedgerEntry
from assay.near_miss import suggestion
from assay.records import Check, Step, StepReport, Verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.screening.releases import releases_in_force, row_contents

if TYPE_CHECKING:
    from assay.json_types import Json

_MOST_NAMED = 5


def release_rows(request: StepRequest, bench: Workbench) -> StepReport:
    """`parameters`: `rows`, their ids; `reason`; `revoked`, true to take earlier releases back.

    A release is of the row as it is: another content or label under the same id is judged anew.
    Raises SpecError without a reason, without a screen, or for rows that are not in quarantine (not released).
    """
    name, reason = request.spec.name, str(request.parameters.get("reason") or "").strip()
    rows = list(dict.fromkeys(cast("list[str]", request.parameters.get("rows") or [])))
    is_revoked = bool(request.parameters.get("revoked"))
    if not reason:
        raise SpecError(f"{name}: expected a reason, found none; give `--reason TEXT`")
    if not rows:
        raise SpecError(f"{name}: expected ids of rows, found none; suspects.parquet has them in column row_id")
    screen = _newest_screen(bench, name)
    in_force = releases_in_force(bench.ledger, name)
    if is_revoked:
        _require(rows, set(in_force), f"{name}: expected released rows")
        contents = {row: in_force[row].content for row in rows}
    else:
        _require(rows, _quarantine(screen, bench), f"{name}: expected rows in quarantine")
        version = load_dataset(screen.report.inputs["raw"], bench.store)
        contents = row_contents(version, rows, bench)
    told: list[Json] = [{"row_id": row, "content": contents[row]} for row in rows]
    done = "taken back into judgement" if is_revoked else "released from quarantine"
    return StepReport(
        step=Step.RELEASE,
        pipeline=name,
        verdict=Verdict.PASSED,
        inputs={"raw": screen.report.inputs["raw"]},
        judged=("raw",),
        checks=(Check("rows", Verdict.PASSED, f"{len(rows)} rows {done}: {reason}"),),
        facts={"rows": told, "reason": reason, "revoked": is_revoked, "screen": screen.sha256},
    )


def _newest_screen(bench: Workbench, name: str) -> LedgerEntry:
    found = bench.ledger.find(step=Step.SCREEN, pipeline=name, limit=1)
    if not found:
        raise SpecError(f"{name}: expected a screen in the ledger, found none; run the pipeline first")
    return found[0]


def _quarantine(screen: LedgerEntry, bench: Workbench) -> set[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    digest = screen.report.facts.get("quarantine")
    if not digest:
        return set()
    table = pq.read_table(pa.BufferReader(bench.store.read(str(digest))))
    return set(table["row_id"].to_pylist())


def _require(rows: list[str], known: set[str], expected: str) -> None:
    """Raises SpecError naming the ids that are not `known`."""
    strange = [row for row in rows if row not in known]
    if not strange:
        return
    listed = ", ".join(json.dumps(row) for row in strange[:_MOST_NAMED])
    more = f" and {len(strange) - _MOST_NAMED} more" if len(strange) > _MOST_NAMED else ""
    hint = suggestion(strange[0], known) if 0 < len(known) <= 20 else f"there are {len(known)}"
    raise SpecError(f"{expected}, found {listed}{more}; {hint}")
