"""Who looked and could not see: canaries, planted so that a sound look finds them, that were not found."""

from collections.abc import Iterator, Mapping

from assay.json_types import Json
from assay.records import Check, Verdict

# How the steps name it: `LINF 0.3: apgd-ce sees`, `explanations: sees a known model`; detectors say `blind: why`.
_SEES, _KNOWN, _BLIND = " sees", "sees a known model", "blind: "


def is_blind(check: Check) -> bool:
    """Whether the check was not made because whoever looked missed its canaries."""
    told = check.name.endswith((_SEES, _KNOWN)) or check.detail.startswith(_BLIND)
    return check.verdict is Verdict.NOT_CHECKED and told


def blind_spots(facts: Json, place: str = "") -> Iterator[str]:
    """Where facts say so: `canary: {sees: false}` beside a number, or `canaries: {FAULT: missed}`."""
    if not isinstance(facts, Mapping):
        return
    for key, value in facts.items():
        here = f"{place}: {key}" if place else str(key)
        if key == "canary" and isinstance(value, Mapping) and value.get("sees") is False:
            yield place
        elif key == "canaries" and isinstance(value, Mapping):
            yield from (f"{place}: {fault}" for fault, seen in value.items() if seen == "missed")
        else:
            yield from blind_spots(value, here)
