"""The typed parameter form of a training run: what Airflow's UI shows and `assay run --param` accepts.

Fields come from `train_function`'s signature, read without importing the class. Searched parameters
are not in the form: the search decides them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.class_outline import ClassOutline, outline_class
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.near_miss import suggestion
from assay.parameter import Parameter, ParameterType
from assay.spec import PipelineSpec, RobustSpec

SEED = "seed"
ROBUST_METHOD = "robust_method"
ROBUST_EPSILON = "robust_epsilon"
RUN_WIDE = (SEED, ROBUST_METHOD, ROBUST_EPSILON)
GRADIENT_MODEL = "assay.sdk:GradientModel"

_TRUTH: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class FormField:
    """One field; `minimum` and `maximum` are inclusive, `choices` empty when free.

    type: `integer`, `number`, `boolean` or `string`. is_optional: empty (None) is a legal answer.
    """

    name: str
    type: ParameterType
    default: Json
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Json, ...] = ()
    description: str = ""
    is_optional: bool = False


def train_parameters(spec: PipelineSpec) -> list[FormField]:
    """Fields of `spec`'s training form, the model's own first, then what every run has.

    Raises SpecError when the model class cannot be read.
    """
    outline = outline_class(spec.train.model)
    fields = [_field(parameter, spec.train.parameters) for parameter in _formable(outline, spec)]
    fields.append(FormField(SEED, "integer", spec.train.seed, minimum=0, description="of every random choice"))
    if outline.is_a(GRADIENT_MODEL):
        fields.extend(_robust_fields(spec.train.robust))
    return fields


def check_parameters(spec: PipelineSpec, raw: Mapping[str, Json]) -> dict[str, Json]:
    """`raw` (text from a command line, or typed values from a form) as typed values.

    Raises SpecError naming every unknown name (with its near-miss), wrong type and value out of range.
    """
    fields = {field.name: field for field in train_parameters(spec)}
    complaints: list[str] = []
    typed: dict[str, Json] = {}
    for name, value in raw.items():
        if name in fields:
            parameter = _parameter(fields[name])
            typed[name] = _read_text(parameter, value) if isinstance(value, str) else value
            complaint = parameter.complaint(typed[name])
        elif name in spec.train.search:
            complaint = "the search decides it; take it out of train.search to set it by hand"
        else:
            complaint = f"unknown parameter; {suggestion(name, fields)}"
        if complaint:
            complaints.append(f"{name}: {complaint}")
    if not complaints and _robust(spec, typed).method != "none" and _robust(spec, typed).epsilon == 0:
        complaints.append(f"{ROBUST_EPSILON}: robust training needs a value above 0, found 0")
    if complaints:
        raise SpecError(f"parameters of {spec.name}: {'; '.join(complaints)}")
    return typed


def apply_parameters(spec: PipelineSpec, raw: Mapping[str, Json]) -> PipelineSpec:
    """`spec` with a run's checked parameters in place of its own. Raises SpecError as `check_parameters`."""
    typed = check_parameters(spec, raw)
    own: JsonObject = {name: value for name, value in typed.items() if name not in RUN_WIDE}
    train = spec.train.model_copy(
        update={
            "parameters": {**spec.train.parameters, **own},
            "seed": typed.get(SEED, spec.train.seed),
            "robust": _robust(spec, typed),
        }
    )
    return spec.model_copy(update={"train": train})


def _formable(outline: ClassOutline, spec: PipelineSpec) -> list[Parameter]:
    method = outline.methods.get("train_function")
    parameters = method.parameters.values() if method else ()
    return [p for p in parameters if p.type != "any" and p.name not in spec.train.search and p.name not in RUN_WIDE]


def _field(parameter: Parameter, fixed: Mapping[str, Json]) -> FormField:
    return FormField(
        name=parameter.name,
        type=parameter.type,
        default=fixed.get(parameter.name, parameter.default),
        minimum=parameter.minimum,
        maximum=parameter.maximum,
        choices=parameter.choices,
        description=parameter.description,
        is_optional=parameter.is_optional,
    )


def _robust_fields(robust: RobustSpec) -> list[FormField]:
    return [
        FormField(
            ROBUST_METHOD,
            "string",
            robust.method,
            choices=("none", "fgsm_rs", "pgd"),
            description="adversarial training",
        ),
        FormField(
            ROBUST_EPSILON,
            "number",
            robust.epsilon,
            minimum=0.0,
            maximum=1.0,
            description="radius of the attack in model space [0, 1]",
        ),
    ]


def _parameter(field: FormField) -> Parameter:
    return Parameter(
        name=field.name,
        type=field.type,
        is_optional=field.is_optional,
        minimum=field.minimum,
        maximum=field.maximum,
        choices=field.choices,
    )


def _read_text(parameter: Parameter, text: str) -> Json:
    """`text` in the parameter's type; text that does not parse stays text, for `complaint` to refuse."""
    if parameter.is_optional and text.strip().lower() in ("", "null", "none"):
        return None
    try:
        if parameter.type == "integer":
            return int(text)
        if parameter.type == "number":
            return float(text)
    except ValueError:
        return text
    return _TRUTH.get(text.strip().lower(), text) if parameter.type == "boolean" else text


def _robust(spec: PipelineSpec, typed: Mapping[str, Json]) -> RobustSpec:
    named = {"method": typed.get(ROBUST_METHOD), "epsilon": typed.get(ROBUST_EPSILON)}
    return spec.train.robust.model_copy(update={key: value for key, value in named.items() if value is not None})
