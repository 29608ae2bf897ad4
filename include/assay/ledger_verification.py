"""The whole ledger in PostgreSQL against itself and against the checkpoints that lie outside it."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from assay.audit.findings import Broken, Kind, LedgerVerification
from assay.audit.outside import Outside
from assay.audit.place import Place
from assay.audit.verify_log import verify_log
from assay.errors import EngineUnavailable, IntegrityError
from assay.ledger import Ledger
from assay.ledger_tables import LogTables
from assay.publishing.place import Place as PublishingPlace
from assay.publishing.publish import published_sizes
from assay.signing import KeyRing

__all__ = ["Broken", "Kind", "LedgerVerification", "verify_ledger"]


def verify_ledger(ledger: Ledger, keys: KeyRing, brought: Sequence[Outside] = ()) -> LedgerVerification:
    """Walk the log of one moment. brought: checkpoints of this log that somebody kept, beside those published."""
    # An entry is committed, then its checkpoint published, then that is recorded: read in the other order, so that
    # nothing which happens meanwhile looks like tampering.
    recorded = published_sizes(ledger.connection)
    outside = [*brought, *(_outside(place, recorded.get(place.url, 0)) for place in ledger.places)]
    with ledger.snapshot():
        tables = LogTables(ledger.connection)
        return verify_log(lambda: places(tables), keys, outside, tables.high_water())


def places(tables: LogTables) -> Iterator[Place]:
    """All that the database holds, by number. Three tables side by side: what one has and another lacks shows."""
    streams: list[Iterable[Place]] = [tables.entries(), tables.checkpoints(), tables.subjects()]
    for seq, found in groupby(heapq.merge(*streams, key=attrgetter("seq")), key=attrgetter("seq")):
        parts = list(found)
        row = next((part.row for part in parts if part.row), None)
        checkpoint = next((part for part in parts if part.note is not None), None)
        subjects = next((part.subjects for part in parts if part.subjects is not None), frozenset())
        if row or checkpoint:
            yield Place(
                seq,
                envelope=row.envelope if row else None,
                note=checkpoint.note if checkpoint else None,
                nodes=checkpoint.nodes if checkpoint else None,
                row=row,
                subjects=subjects if row else None,
            )


def _outside(place: PublishingPlace, recorded: int) -> Outside:
    if not place.is_readable:
        return Outside(place.url, None, recorded=recorded, is_read=False)
    try:
        return Outside(place.url, place.newest(recorded), recorded=recorded)
    except IntegrityError as error:
        return Outside(place.url, None, error, recorded)
    except EngineUnavailable as error:
        return Outside(place.url, None, recorded=recorded, is_read=False, unread=str(error))
