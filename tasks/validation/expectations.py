"""Great Expectations, one check an expectation.

A critical expectation that is not met fails; a warning passes and says so in words; one that could not be
computed (a column that is not there) is not checked, and that is no pass.
"""

import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.near_miss import suggestion
from assay.records import Check, Verdict
from assay.spec import Expectation

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """A check, and what Great Expectations observed for it."""

    check: Check
    observed: JsonObject


def judge_expectations(frame: "pd.DataFrame", expectations: Sequence[Expectation]) -> list[Outcome]:
    """An outcome an expectation, in order. Raises SpecError for an unknown name or bad arguments, before any is run."""
    if not expectations:
        return []
    built = [_build(expectation) for expectation in expectations]
    batch = _batch(frame)
    return [
        _outcome(expectation, batch.validate(rule, result_format="SUMMARY").to_json_dict())
        for expectation, rule in zip(expectations, built, strict=True)
    ]


def expected_columns(expectations: Sequence[Expectation]) -> set[str]:
    """The columns that an expectation speaks of."""
    arguments = [expectation.arguments for expectation in expectations]
    return {str(given[key]) for given in arguments for key in ("column", "column_A", "column_B") if key in given}


@functools.cache
def _great_expectations() -> Any:
    """The library, quiet and without telemetry: it logs 200 lines at import and counts its users."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    return gx


def _build(expectation: Expectation) -> Any:
    _great_expectations()
    from great_expectations.expectations import registry

    legal = [name for name in registry.list_registered_expectation_implementations() if name.startswith("expect_")]
    if expectation.expect not in legal:
        raise SpecError(
            f"data.expectations: expected an expectation of Great Expectations, found {expectation.expect!r}; "
            f"{suggestion(expectation.expect, legal)}"
        )
    rule: Any = registry.get_expectation_impl(expectation.expect)
    try:
        return rule(**expectation.arguments)
    except (ValueError, TypeError) as error:
        raise SpecError(f"data.expectations: {expectation.expect}: {_words(error, rule)}") from error


def _words(error: Exception, rule: Any) -> str:
    """What is wrong with the arguments, each once, with the near-miss of a misspelt one."""
    if not hasattr(error, "errors"):
        return str(error)
    words: dict[str, None] = {}
    for problem in error.errors():
        place = str(problem["loc"][0])
        named = "arguments" if place == "__root__" else place
        hint = f"; {suggestion(place, rule.__fields__)}" if problem["type"] == "value_error.extra" else ""
        words[f"{named}: {problem['msg']}{hint}"] = None
    return ", ".join(words)


def _batch(frame: "pd.DataFrame") -> Any:
    gx = _great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("raw").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


def _outcome(expectation: Expectation, found: dict[str, Any]) -> Outcome:
    observed = cast(JsonObject, found.get("result") or {})
    problem = _exception(found.get("exception_info") or {})
    column = expectation.arguments.get("column")
    name = f"{expectation.expect}({column})" if column else expectation.expect
    told = f"observed {_observation(observed)}"
    if problem:
        verdict, words = Verdict.NOT_CHECKED, f"could not be computed: {problem}"
    elif found["success"]:
        verdict, words = Verdict.PASSED, f"met; {told}"
    elif expectation.severity == "warning":
        verdict, words = Verdict.PASSED, f"warning: not met; {told}"
    else:
        verdict, words = Verdict.FAILED, f"not met; {told}"
    return Outcome(Check(name, verdict, words), observed)


def _exception(info: dict[str, Any]) -> str:
    """The first exception's message; the library nests them by metric when a metric failed."""
    nested = [info, *(value for value in info.values() if isinstance(value, dict))]
    return next((str(one.get("exception_message")) for one in nested if one.get("raised_exception")), "")


def _observation(observed: JsonObject) -> str:
    if "unexpected_count" in observed:
        examples = list(cast("Sequence[object]", observed.get("partial_unexpected_list") or ()))[:5]
        some = f", such as {examples}" if examples else ""
        return f"{observed['unexpected_count']} of {observed.get('element_count')} rows against it{some}"
    return str(observed.get("observed_value", "nothing to show"))
