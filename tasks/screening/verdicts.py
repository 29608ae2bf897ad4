"""The findings of all detectors as tables that people and later steps read by digest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from assay.workbench import Workbench
    from tasks.screening.rows import ScreenRows


def quarantined_rows(rows: "ScreenRows", findings: Mapping[str, Finding]) -> "NDArray[np.bool_]":
    """(rows,): whether any detector keeps the row out."""
    import numpy as np

    kept_out = np.zeros(len(rows), dtype=bool)
    for finding in findings.values():
        kept_out |= finding.quarantined
    return kept_out


def store_tables(
    rows: "ScreenRows", findings: Mapping[str, Finding], quarantined: "NDArray[np.bool_]", bench: "Workbench"
) -> dict[str, str]:
    """Digests of the Parquet files `suspects`, `scores` and `quarantine`."""
    tables = {
        "suspects": _suspects(rows, findings),
        "scores": _scores(rows, findings, quarantined),
        "quarantine": _quarantine(rows, quarantined),
    }
    return {name: _stored(name, table, bench) for name, table in tables.items()}


def _suspects(rows: "ScreenRows", findings: Mapping[str, Finding]) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    schema = pa.schema(
        [
            ("row_id", pa.string()),
            ("detector", pa.string()),
            ("score", pa.float64()),
            ("expected_false_rate", pa.float64()),
            ("quarantined", pa.bool_()),
            ("reason", pa.string()),
        ]
    )
    lines = [
        {
            "row_id": rows.row_ids[place],
            "detector": name,
            "score": float(finding.score[place]),
            "expected_false_rate": float(finding.expected_false_rate[place]),
            "quarantined": bool(finding.quarantined[place]),
            "reason": finding.reasons[place],
        }
        for name, finding in findings.items()
        for place in np.flatnonzero(finding.suspect).tolist()
    ]
    return pa.Table.from_pylist(lines, schema=schema)


def _scores(rows: "ScreenRows", findings: Mapping[str, Finding], quarantined: "NDArray[np.bool_]") -> "pa.Table":
    """The combined score of a row is the worst that any detector gave it."""
    import numpy as np
    import pyarrow as pa

    worst = np.zeros(len(rows))
    for finding in findings.values():
        worst = np.maximum(worst, finding.score)
    columns = {"row_id": pa.array(rows.row_ids, pa.string()), "score": worst, "quarantined": quarantined}
    return pa.table({**columns, **{f"{name}_score": finding.score for name, finding in findings.items()}})


def _quarantine(rows: "ScreenRows", quarantined: "NDArray[np.bool_]") -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    kept_out = [rows.row_ids[place] for place in np.flatnonzero(quarantined)]
    return pa.table({"row_id": pa.array(kept_out, pa.string())})


def _stored(name: str, table: "pa.Table", bench: "Workbench") -> str:
    import pyarrow.parquet as pq

    path = bench.workdir / f"{name}.parquet"
    pq.write_table(table, path)
    return bench.store.put_file(path)
