"""The spec's expectations, run by Great Expectations on the columns that are no lists."""

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from assay.json_types import Json
from assay.near_miss import suggestion
from assay.records import Check, Verdict
from assay.spec import Expectation

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_VALUES = 3


def run_expectations(expectations: Sequence[Expectation], rows: "pd.DataFrame") -> tuple[list[Check], dict[str, Json]]:
    """One check an expectation, in the spec's order, and Great Expectations' own result as JSON.

    A failed expectation of severity `warning` is noted in its check and does not fail it.
    Raises SpecError for an expectation that does not exist or does not take its arguments.
    """
    gx = _quiet_import()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("assay").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": rows})
    results = [batch.validate(_expectation(each), result_format="SUMMARY") for each in expectations]
    checks = [_check(each, result) for each, result in zip(expectations, results, strict=True)]
    return checks, {"results": [result.to_json_dict() for result in results]}


def governed_columns(expectations: Sequence[Expectation]) -> set[str]:
    """Columns for which the spec itself says how many values may be missing."""
    names = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
    return {
        str(each.arguments["column"])
        for each in expectations
        if each.expect in names
        and "column" in each.arguments
        and ("mostly" in each.arguments or each.expect == names[1])
    }


def _quiet_import() -> Any:
    # It logs 209 lines at import, and would report its use to its makers.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    import great_expectations as gx

    return gx


def _expectation(each: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = list_registered_expectation_implementations()
    if each.expect not in known:
        raise SpecError(f"data.expectations: no expectation {each.expect!r}; {suggestion(each.expect, known)}")
    try:
        return ExpectationConfiguration(
            type=each.expect, kwargs=dict(each.arguments), severity=FailureSeverity(each.severity)
        ).to_domain_obj()
    except ValueError as error:  # Great Expectations' and pydantic's errors are ValueErrors
        reasons = "; ".join(" ".join(line.split()) for line in str(error).splitlines()[1:])
        raise SpecError(f"data.expectations: {each.expect}: {reasons or error}; mend its arguments") from error


def _check(each: Expectation, result: Any) -> Check:
    column = each.arguments.get("column")
    name = f"{each.expect.removeprefix('expect_')}{f' of {column}' if column else ''}"
    measured = result.result.get("unexpected_percent")
    share = float(measured) / 100 if measured is not None else None
    allowed = 1 - float(str(each.arguments["mostly"])) if "mostly" in each.arguments else None
    if result.success:
        return Check(name, Verdict.PASSED, _told(each, result) or "holds", share, allowed)
    detail = _told(each, result) or _exception(result) or "does not hold"
    if each.severity == "warning":
        return Check(name, Verdict.PASSED, f"warning, noted only: {detail}", share, allowed)
    return Check(name, Verdict.FAILED, detail, share, allowed)


def _told(each: Expectation, result: Any) -> str:
    found = result.result
    if "observed_value" in found:
        wanted = {key: value for key, value in each.arguments.items() if key != "column"}
        return (
            f"observed {found['observed_value']}, expected {wanted}"
            if wanted
            else f"observed {found['observed_value']}"
        )
    if found.get("unexpected_count"):
        examples = ", ".join(str(value) for value in found.get("partial_unexpected_list", ())[:_SHOWN_VALUES])
        return f"{found['unexpected_count']} of {found['element_count']} values do not, such as {examples}"
    return ""


def _exception(result: Any) -> str:
    """The message of the first error inside; a missing column comes this way."""
    info = result.exception_info
    inner = info if "exception_message" in info else next(iter(info.values()), {})
    message = str(inner.get("exception_message") or "")
    return " ".join(message.split())
