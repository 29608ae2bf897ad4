"""The newest statement of each step of each pipeline, kept while the log grows: only what is appended can change it."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.page.entries import HEADING, Heading
from assay.records import Step

# One probe of the index for each (pipeline, step) that there is: no history is read.
_ALL = f"""
    WITH RECURSIVE newest (pipeline, step, seq) AS (
        (SELECT pipeline, step, seq FROM assay_ledger.entries ORDER BY pipeline, step, seq DESC LIMIT 1)
        UNION ALL
        SELECT next.* FROM newest n CROSS JOIN LATERAL (
            SELECT pipeline, step, seq FROM assay_ledger.entries
            WHERE (pipeline, step) > (n.pipeline, n.step) ORDER BY pipeline, step, seq DESC LIMIT 1) next
    )
    SELECT {HEADING} FROM assay_ledger.entries e WHERE seq IN (SELECT seq FROM newest) ORDER BY seq
"""  # noqa: S608 - constant columns
_SINCE = f"SELECT {HEADING} FROM assay_ledger.entries e WHERE seq > %s ORDER BY seq"  # noqa: S608 - constant columns
Steps = Mapping[Step, Heading]


class NewestSteps:
    """As the index tells, not believed yet; statements of no pipeline (names with dots) aside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read = -1
        self._steps: dict[str, Steps] = {}

    def of(self, ledger: Ledger) -> dict[str, Steps]:
        """By pipeline. Raises IntegrityError for a step that there is none of."""
        with self._lock:
            row = ledger.connection.execute("SELECT coalesce(max(seq), -1) FROM assay_ledger.entries").fetchone()
            newest = int(row[0]) if row else -1
            if self._read < 0 or newest < self._read:  # nothing is known, or the log is another one now
                self._steps = _merged({}, ledger.connection.execute(_ALL.encode()).fetchall())
            elif newest > self._read:
                self._steps = _merged(self._steps, ledger.connection.execute(_SINCE.encode(), (self._read,)).fetchall())
            self._read = newest
            return self._steps


def _merged(known: Mapping[str, Steps], rows: Iterable[tuple[object, ...]]) -> dict[str, Steps]:
    """A copy with `rows`, oldest first: who holds the old one may go on reading it."""
    told: dict[str, dict[Step, Heading]] = defaultdict(dict)
    for row in rows:
        heading = Heading(*row)  # type: ignore[arg-type]  # the columns are those of the record
        if "." not in heading.pipeline:
            told[heading.pipeline][_step(heading)] = heading
    return {**known, **{name: {**known.get(name, {}), **steps} for name, steps in told.items()}}


def _step(heading: Heading) -> Step:
    try:
        return Step(heading.step)
    except ValueError:
        raise IntegrityError(
            f"ledger entry {heading.seq}: expected a known step, found {heading.step!r}; the index was changed: "
            "run `assay audit verify`"
        ) from None
