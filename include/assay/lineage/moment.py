"""A point in time as a person writes it."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime

from assay.errors import SpecError


def parse_moment(text: str | None) -> datetime | None:
    """ISO 8601, date alone included, as UTC; without an offset it is UTC. Raises SpecError for anything else."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise SpecError(f"time {text!r}: expected ISO 8601 such as 2026-11-21T05:00:00Z; mend it") from error
    if not MINYEAR < moment.year < MAXYEAR:  # in another time zone it might have no date at all
        raise SpecError(f"time {text!r}: expected a year between {MINYEAR} and {MAXYEAR}; mend it")
    return moment
