"""A point in time as a person writes it."""

from datetime import UTC, datetime

from assay.errors import SpecError


def parse_moment(text: str | None) -> datetime | None:
    """ISO 8601, date alone included; without an offset it is UTC. Raises SpecError for anything else."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    except ValueError as error:
        raise SpecError(f"time {text!r}: expected ISO 8601 such as 2026-11-21T05:00:00Z; mend it") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
