"""One examination, one outcome: what a user's class raises, and a number that is none, is told and never passes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb

from assay.errors import EngineUnavailable, IntegrityError, PolicyViolation
from assay.json_types import Json
from assay.records import Check, Verdict
from tasks.examination.case import Examination, Examined, ModelCase

_LONGEST, _MOST_TOLD = 300, 5
# Tampering stops everything, and what another try may mend is tried again.
_NOT_OURS = (IntegrityError, PolicyViolation, EngineUnavailable, OSError)


def examine_contained(name: str, examine: Examination, case: ModelCase) -> Examined:
    """What `examine` finds; not checked, with the place, where it raises, and where a number is NaN or infinite."""
    try:
        return _finite(name, examine(case))
    except _NOT_OURS:
        raise
    except Exception as error:  # noqa: BLE001 - a user's class may raise anything; the other examinations go on
        why = _words(error)
        case.say(f"assay: {name}: {why}")
        return Examined({"problem": why}, (Check(name, Verdict.NOT_CHECKED, why),))


def _words(error: Exception) -> str:
    """`ValueError in mine.py, line 12, to_model_space: …`."""
    last = extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}, {last.name}"
    return f"{type(error).__name__} in {place}: {str(error)[:_LONGEST] or 'no words'}"


def _finite(name: str, found: Examined) -> Examined:
    """A statement holds no NaN: such a number becomes none, and its place stands in a check."""
    places = [*_odd(found.facts), *(check.name for check in found.checks if _is_odd(check.measured))]
    places += [metric for metric, value in found.metrics.items() if _is_odd(value)]
    places += [f"interval of {metric}" for metric, ends in found.ci95.items() if any(map(_is_odd, ends))]
    if not places:
        return found
    more = f" and {len(places) - _MOST_TOLD} more" if len(places) > _MOST_TOLD else ""
    words = f"NaN or infinite: {', '.join(places[:_MOST_TOLD])}{more}"
    checks = tuple(replace(check, measured=None) if _is_odd(check.measured) else check for check in found.checks)
    return Examined(
        _without(found.facts),
        (*checks, Check(f"{name}: numbers are finite", Verdict.NOT_CHECKED, words)),
        {metric: value for metric, value in found.metrics.items() if not _is_odd(value)},
        {metric: ends for metric, ends in found.ci95.items() if not any(map(_is_odd, ends))},
    )


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _odd(value: Json, place: str = "") -> Iterator[str]:
    """Where the numbers stand that are none."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _odd(one, f"{place}/{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for at, one in enumerate(value):
            yield from _odd(one, f"{place}/{at}")
    elif _is_odd(value):
        yield place


def _without(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _without(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without(one) for one in value]
    return None if _is_odd(value) else value
