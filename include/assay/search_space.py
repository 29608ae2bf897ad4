"""Fixed and searched parameters against `train_function`'s signature, and the search against its executor."""

import math
from collections.abc import Iterator, Mapping, Sequence

from assay.class_outline import ClassOutline
from assay.finding import FieldPath, Finding
from assay.forms import RUN_WIDE
from assay.json_types import Json
from assay.near_miss import suggestion
from assay.parameter import Parameter
from assay.spec import PipelineSpec, SearchRange, TrainSpec

_ONE_RUN = "train"


def search_findings(spec: PipelineSpec, model: ClassOutline) -> Iterator[Finding]:
    """Every key of `train.parameters` and `train.search` must be legal, typed and in range for `model`."""
    yield from _executor_findings(spec.train)
    method = model.methods.get("train_function")
    if method is None:
        return
    legal = method.parameters
    for name in RUN_WIDE:
        if name in legal:
            message = f"{model.path}.train_function has a parameter {name!r}, which every run has already"
            yield Finding(("train", "model"), message, "rename it, or read it from the training context")
    for name, value in spec.train.parameters.items():
        field: FieldPath = ("train", "parameters", name)
        if name in spec.train.search:
            yield Finding(field, "is both fixed and searched", f"remove it here or from train.search.{name}")
        elif name in legal:
            yield from _value_finding(field, legal[name], value)
        elif not method.takes_any:
            yield _unknown(field, model, legal)
    for name, values in spec.train.search.items():
        field = ("train", "search", name)
        if name in legal:
            yield from _searched(field, legal[name], values)
        elif not method.takes_any:
            yield _unknown(field, model, legal)
    for name, parameter in legal.items():
        if parameter.is_required and name not in spec.train.parameters and name not in spec.train.search:
            hint = f"add `parameters: {{{name}: …}}` under train, or give it a default"
            yield Finding(("train", "model"), f"{model.path}.train_function needs {name!r}", hint)


def _executor_findings(train: TrainSpec) -> Iterator[Finding]:
    """Grid takes lists, one run takes no search, and a search needs something to search and trials to do it."""
    executor, has_trials = train.executor, "trials" in train.budget.model_fields_set
    if executor == _ONE_RUN:
        if train.search:
            hint = "set executor: grid, random or asha; or move fixed values to train.parameters"
            yield Finding(("train", "search"), "executor 'train' makes one run and searches nothing", hint)
        if train.budget.trials > 1:
            message = f"executor 'train' makes one run, not {train.budget.trials}"
            yield Finding(("train", "budget", "trials"), message, "remove it, or set executor: grid, random or asha")
    elif executor in ("grid", "random", "asha"):
        if not train.search:
            hint = "add `search: {NAME: [1, 2]}` under train, or set executor: train"
            yield Finding(("train", "executor"), f"executor {executor!r} has nothing to search", hint)
        elif not has_trials:
            yield _trials_missing(train)
    if executor == "grid":
        for name, values in train.search.items():
            if isinstance(values, SearchRange):
                message = f"executor 'grid' needs a list of values, found a range {values.low:g} to {values.high:g}"
                yield Finding(("train", "search", name), message, "list the values, or set executor: random or asha")


def _trials_missing(train: TrainSpec) -> Finding:
    sizes = [len(values) for values in train.search.values() if isinstance(values, list)]
    if train.executor == "grid":
        count = math.prod(sizes)
        return Finding(
            ("train", "budget"), f"the grid has {count} trials, the budget only 1", f"set budget: {{trials: {count}}}"
        )
    return Finding(
        ("train", "budget"), f"executor {train.executor!r} has a budget of 1 trial", "set budget: {trials: 8}"
    )


def _unknown(field: FieldPath, model: ClassOutline, legal: Mapping[str, Parameter]) -> Finding:
    return Finding(field, f"{model.path}.train_function has no such parameter", suggestion(str(field[-1]), legal))


def _searched(field: FieldPath, parameter: Parameter, values: SearchRange | Sequence[Json]) -> Iterator[Finding]:
    if isinstance(values, SearchRange):
        yield from _range_findings(field, parameter, values)
    elif not values:
        yield Finding(field, "an empty list leaves nothing to try", "list at least one value")
    else:
        for position, value in enumerate(values):
            yield from _value_finding((*field, position), parameter, value)


def _range_findings(field: FieldPath, parameter: Parameter, values: SearchRange) -> Iterator[Finding]:
    if parameter.type not in ("integer", "number", "any") or parameter.choices:
        yield Finding(field, f"a range cannot give {parameter.expected()}", "list the values to try")
        return
    if parameter.type == "integer" and not values.integer:
        yield Finding(field, f"{parameter.name} takes integers, a range draws any number", "add `integer: true`")
    if values.log and values.low <= 0:
        yield Finding((*field, "low"), f"a logarithmic range needs low above 0, found {values.low:g}", "raise low")
    for end, bound in (("low", values.low), ("high", values.high)):
        outside = (parameter.minimum is not None and bound < parameter.minimum) or (
            parameter.maximum is not None and bound > parameter.maximum
        )
        if outside:
            yield Finding((*field, end), f"expected {parameter.expected()}, found {bound:g}", "narrow the range")


def _value_finding(field: FieldPath, parameter: Parameter, value: Json) -> Iterator[Finding]:
    complaint = parameter.complaint(value)
    if complaint is None:
        return
    if parameter.choices and isinstance(value, str):
        yield Finding(field, complaint, suggestion(value, [str(choice) for choice in parameter.choices]))
    else:
        yield Finding(field, complaint, f"change {parameter.name} to {parameter.expected()}")
