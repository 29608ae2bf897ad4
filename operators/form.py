"""The model's typed training parameters as Airflow's form, and a person's answers as the step's parameters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from assay.forms import FormField, train_parameters
from assay.json_types import Json

if TYPE_CHECKING:
    from assay.spec import PipelineSpec


def train_form(spec: "PipelineSpec") -> dict[str, Param]:
    """One form field a parameter, in the order of the model's signature."""
    return {field.name: _param(field) for field in train_parameters(spec)}


def form_defaults(spec: "PipelineSpec") -> dict[str, Json]:
    """What the form shows before a person touches it."""
    return {field.name: field.default for field in train_parameters(spec)}


def given_parameters(defaults: Mapping[str, Json], answers: Mapping[str, Json]) -> dict[str, Json]:
    """What a person changed: the untouched defaults stay the spec's business."""
    return {name: value for name, value in answers.items() if value != defaults.get(name)}


def _param(field: FormField) -> Param:
    empty = field.is_optional or field.default is None
    schema: dict[str, Any] = {"type": ["null", field.type] if empty else field.type, "title": field.name}
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.choices:
        schema["enum"] = [*field.choices, None] if empty else list(field.choices)
    return Param(field.default, description=field.description or None, **schema)
