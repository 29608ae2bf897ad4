"""How delivery of one model goes: four figures, worked out unasked only where few statements have to be verified."""

from dataclasses import dataclass
from datetime import datetime

from assay.ledger import Ledger
from assay.questions.dora import Dora, dora
from assay.questions.dora_words import Figure, figures
from assay.records import Step

UNASKED = 500  # statements, each with a signature: about a tenth of a second
_COUNT = """
    SELECT count(*) FROM (
        SELECT 1 FROM assay_ledger.entries
        WHERE pipeline = %s AND (step = ANY(%s) OR step = %s AND verdict = 'failed') LIMIT %s
    ) few
"""
_READ = [step.value for step in (Step.COLLECT, Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)]


@dataclass(frozen=True)
class Delivery:
    """found: None where nobody asked for so long a reading."""

    found: Dora | None

    @property
    def figures(self) -> tuple[Figure, ...]:
        return figures(self.found) if self.found else ()


def delivery(ledger: Ledger, pipeline: str, now: datetime, *, is_asked: bool) -> Delivery | None:
    """None where no statement tells of delivery. is_asked: read however much there is.

    Raises IntegrityError for a statement that does not verify.
    """
    row = ledger.connection.execute(_COUNT, (pipeline, _READ, Step.WATCH.value, UNASKED + 1)).fetchone()
    count = int(row[0]) if row else 0
    if not count:
        return None
    return Delivery(dora(ledger, now, pipeline) if is_asked or count <= UNASKED else None)
