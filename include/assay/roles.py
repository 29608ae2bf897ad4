"""What a spec promises against what its classes declare: roles, methods, parameters, search space. Nothing is run."""

from collections.abc import Generator, Iterator, Mapping

from assay.class_outline import ClassNotFound, ClassOutline, outline_class
from assay.errors import SpecError
from assay.finding import FieldPath, Finding
from assay.near_miss import nearest, suggestion
from assay.search_space import search_findings
from assay.spec import PipelineSpec, ThreatModel
from assay.spec_rules import rule_findings

BUILT_IN_EXECUTORS = ("train", "grid", "random", "asha")
MODEL_METHODS = ("train_function", "predict_function", "save_function", "load_function", "export_function")
GRADIENT_METHODS = ("module_function", "to_model_space")


def spec_findings(spec: PipelineSpec, *, check_classes: bool = True) -> list[Finding]:
    """Everything wrong beyond the types: schedules, gate, search, and (with `check_classes`) the user's classes."""
    findings = list(rule_findings(spec))
    if not check_classes:
        return findings
    return [*findings, *_data_findings(spec), *_training_findings(spec)]


def executor_roles(spec: PipelineSpec) -> Mapping[str, tuple[str, ...]]:
    """Role -> methods its model needs; the first role is `train.model`'s.

    Raises SpecError when the executor class cannot be read or declares no roles.
    """
    if spec.train.executor in BUILT_IN_EXECUTORS:
        return {"model": MODEL_METHODS}
    outline = outline_class(spec.train.executor)
    if not outline.roles:
        raise ClassNotFound(
            f"{outline.path} declares no roles that can be read without running it",
            'write roles: ClassVar = {"model": ("train_function", "predict_function")} with literals only',
        )
    return outline.roles


def _data_findings(spec: PipelineSpec) -> Iterator[Finding]:
    collector = spec.data.collector
    if ":" in collector.reader:
        field: FieldPath = ("data", "collector", "reader")
        outline = yield from _outline(field, collector.reader)
        if outline is not None:
            yield from _needs(field, outline, ("describe_function", "rows_function"), "assay.sdk:Collector")
            yield from _option_findings(outline, spec)
    if spec.data.loader is not None and ":" in spec.data.loader:
        field = ("data", "loader")
        outline = yield from _outline(field, spec.data.loader)
        if outline is not None:
            yield from _needs(field, outline, ("load_function",), "assay.sdk:DatasetLoader")


def _option_findings(outline: ClassOutline, spec: PipelineSpec) -> Iterator[Finding]:
    """Options must be keyword parameters of the Collector's constructor, where it has one of its own."""
    constructor = outline.methods.get("__init__")
    if constructor is None or constructor.takes_any:
        return
    for name in spec.data.collector.options:
        if name not in constructor.accepted:
            field = ("data", "collector", "options", name)
            yield Finding(field, f"{outline.path} takes no such option", suggestion(name, constructor.accepted))


def _training_findings(spec: PipelineSpec) -> Iterator[Finding]:
    if ":" in spec.train.executor:
        executor = yield from _outline(("train", "executor"), spec.train.executor)
        if executor is None:
            return
        yield from _needs(("train", "executor"), executor, ("execute",), "assay.sdk:Executor")
        if not executor.is_a("assay.sdk:Executor") and not executor.opaque_bases:
            return
    try:
        roles = executor_roles(spec)
    except ClassNotFound as error:
        yield Finding(("train", "executor"), error.message, error.hint)
        return
    first, *others = roles
    yield from _role_names(spec, first, others)
    model = yield from _outline(("train", "model"), spec.train.model)
    if model is not None:
        methods = tuple(dict.fromkeys((*roles[first], *MODEL_METHODS)))
        yield from _needs(("train", "model"), model, methods, "assay.sdk:TrainableModel", role=first)
        if model.is_a("assay.sdk:TrainableModel") or model.opaque_bases:
            yield from _gradient_findings(spec, model)
        yield from search_findings(spec, model)
    for role, path in spec.train.models.items():
        if role in others:
            field = ("train", "models", role)
            outline = yield from _outline(field, path)
            if outline is not None:
                yield from _needs(field, outline, roles[role], "assay.sdk:TrainableModel", role=role)


def _role_names(spec: PipelineSpec, first: str, others: list[str]) -> Iterator[Finding]:
    executor = spec.train.executor
    for role in others:
        if role not in spec.train.models:
            hint = f"add `models: {{{role}: package.module:ClassName}}` under train"
            yield Finding(("train", "models"), f"executor {executor!r} needs a model in role {role!r}", hint)
    for role in spec.train.models:
        field = ("train", "models", role)
        if role == first:
            yield Finding(field, f"role {role!r} of executor {executor!r} is filled by train.model", "remove it")
        elif role not in others:
            hint = suggestion(role, others) if others else f"remove it; its only role is {first!r}, train.model"
            yield Finding(field, f"executor {executor!r} has no role {role!r}", hint)


def _gradient_findings(spec: PipelineSpec, model: ClassOutline) -> Iterator[Finding]:
    """White-box attacks and robust training need the model's gradients."""
    reasons: list[tuple[FieldPath, str, str]] = []
    if spec.train.robust.method != "none":
        reasons.append(
            (("train", "robust", "method"), f"robust training with {spec.train.robust.method}", "method: none")
        )
    if any(isinstance(threat, ThreatModel) for threat in spec.assay.threat_models):
        reasons.append((("assay", "threat_models"), "a threat model", "no threat_models"))
    absent = [method for method in GRADIENT_METHODS if not model.implements(method)]
    if not absent:
        return
    for field, what, instead in reasons:
        hint = f"derive it from assay.GradientModel and write {' and '.join(absent)}, or choose {instead}"
        yield Finding(field, f"{what} needs gradients, but {model.path} has no {', '.join(absent)}", hint)


def _needs(
    field: FieldPath, outline: ClassOutline, methods: tuple[str, ...], contract: str, role: str = ""
) -> Iterator[Finding]:
    kind = contract.rpartition(":")[2]
    if not outline.is_a(contract) and not outline.opaque_bases:
        article = "an" if kind[0] in "AEIOU" else "a"
        yield Finding(
            field, f"{outline.path} is not {article} {kind}", f"write `class {_name(outline)}(assay.{kind}):`"
        )
        return
    absent = [method for method in methods if not outline.implements(method)]
    if absent:
        place = f" in role {role!r}" if role else ""
        own = [name for name in outline.methods if outline.implements(name) and name not in methods]
        near = [f"{slip} to {name}" for name in absent if (slip := nearest(name, own))]
        hint = f"rename {', '.join(near)}" if near else f"write it in the class at {outline.file}:{outline.line}"
        yield Finding(field, f"{outline.path}{place} lacks {', '.join(absent)}", hint)


def _name(outline: ClassOutline) -> str:
    return outline.path.rpartition(":")[2]


def _outline(field: FieldPath, class_path: str) -> Generator[Finding, None, ClassOutline | None]:
    """The outline; where it cannot be had, why, and None."""
    try:
        return outline_class(class_path)
    except ClassNotFound as error:
        yield Finding(field, error.message, error.hint)
    except SpecError as error:
        yield Finding(field, str(error), "")
    return None
