"""What a verification found, as JSON and as lines for people: the same from the command and from the verifier file."""

from collections.abc import Iterator
from dataclasses import asdict

from assay.audit.findings import Broken, LedgerVerification
from assay.json_types import JsonObject


def to_json(found: LedgerVerification) -> JsonObject:
    return {
        "ok": found.ok,
        "entries": found.entries,
        "checkpoint": found.checkpoint,
        "broken": [_broken(one) for one in found.broken],
        "suspects": [_broken(one) for one in found.suspects],
        "published": [asdict(one) for one in found.published],
    }


def to_lines(found: LedgerVerification) -> Iterator[str]:
    if found.ok:
        yield f"{found.entries} entries: every signature, digest and proof holds"
    else:
        count = "1 finding" if len(found.broken) == 1 else f"{len(found.broken)} findings"
        yield f"{found.entries} entries, {count}. Keep the log as it is; open an incident."
    for one in found.broken:
        yield f"  entry {one.seq}  {one.subject}: {one.kind.value}: {one.reason}"
    for one in found.suspects:
        yield f"  suspect: entry {one.seq}  {one.subject}: {one.reason}"
    for place in found.published:
        if place.problem:
            yield f"  not verified: {place.place}: {place.problem}"
        elif place.behind:
            yield f"  {place.place} lacks the newest {place.behind} entries; `assay audit publish` sends them"


def _broken(one: Broken) -> JsonObject:
    return {"seq": one.seq, "subject": one.subject, "kind": one.kind.value, "reason": one.reason}
