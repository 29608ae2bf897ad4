"""The findings of all detectors as tables that people and later steps read by digest."""

from typing import TYPE_CHECKING

from assay.json_types import Json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from assay.workbench import Workbench
    from tasks.screening.rows import ScreenRows
    from tasks.screening.screening import Screening


def store_tables(screening: "Screening", bench: "Workbench") -> dict[str, Json]:
    """Digests of the Parquet files `suspects`, `scores` and `quarantine`."""
    return {name: _stored(name, table, bench) for name, table in screening_tables(screening).items()}


def screening_tables(screening: "Screening") -> "dict[str, pa.Table]":
    """`suspects`, `scores` and `quarantine`."""
    rows = screening.case.rows
    return {
        "suspects": _suspects(screening),
        "scores": _scores(screening),
        "quarantine": _quarantine(rows, screening.quarantined),
    }


def _suspects(screening: "Screening") -> "pa.Table":
    """released: a person let the row in, so that it is not quarantined whatever the detector says.

    nearest, nearest_labels: ids and labels of rows that show why.
    """
    import numpy as np
    import pyarrow as pa

    rows = screening.case.rows
    released = np.zeros(len(rows), dtype=bool) if screening.released is None else screening.released
    labels = _evidence_labels(screening)
    lines = [
        {
            "row_id": rows.row_ids[place],
            "detector": name,
            "score": float(finding.score[place]),
            "expected_false_rate": float(finding.expected_false_rate[place]),
            "quarantined": bool(finding.quarantined[place] and not released[place]),
            "released": bool(released[place]),
            "reason": finding.reasons[place],
            "nearest": list(finding.nearest.get(place, ())),
            "label": rows.classes[rows.labels[place]],
            "nearest_labels": [labels.get(one) for one in finding.nearest.get(place, ())],
        }
        for name, finding in screening.findings.items()
        for place in np.flatnonzero(finding.suspect).tolist()
    ]
    return pa.Table.from_pylist(lines, schema=_suspects_schema())


def _suspects_schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("row_id", pa.string()),
            ("detector", pa.string()),
            ("score", pa.float64()),
            ("expected_false_rate", pa.float64()),
            ("quarantined", pa.bool_()),
            ("released", pa.bool_()),
            ("reason", pa.string()),
            ("nearest", pa.list_(pa.string())),
            ("label", pa.string()),
            ("nearest_labels", pa.list_(pa.string())),
        ]
    )


def _evidence_labels(screening: "Screening") -> dict[str, str]:
    """Row id -> label of every row that some detector points to, be it a trusted one."""
    ids = {one for found in screening.findings.values() for near in found.nearest.values() for one in near}
    labels: dict[str, str] = {}
    for rows in filter(None, (screening.case.trusted, screening.case.rows)):
        pairs = zip(rows.row_ids, rows.labels.tolist(), strict=True) if ids else ()
        labels |= {row_id: rows.classes[label] for row_id, label in pairs if row_id in ids}
    return labels


def _scores(screening: "Screening") -> "pa.Table":
    """One row a dataset row; `score` is the worst that any detector gave it."""
    import pyarrow as pa

    ids = pa.array(screening.case.rows.row_ids, pa.string())
    columns = {"row_id": ids, "score": screening.score, "quarantined": screening.quarantined}
    return pa.table({**columns, **{f"{name}_score": found.score for name, found in screening.findings.items()}})


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
