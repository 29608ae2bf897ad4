"""A user's class read from its source: bases, methods, declared roles, typed parameters. Nothing is imported."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from assay.errors import SpecError
from assay.module_source import ModuleSource, evaluate, read_module
from assay.near_miss import nearest
from assay.parameter import Parameter, read_parameters


@dataclass(frozen=True)
class Method:
    """parameters: keyword-only parameters. accepted: all names after `self`. takes_any: it has `**kwargs`."""

    name: str
    line: int
    is_abstract: bool
    parameters: Mapping[str, Parameter]
    accepted: tuple[str, ...] = ()
    takes_any: bool = False


@dataclass(frozen=True)
class ClassOutline:
    """ancestors: class paths, itself first, in the order Python would search. methods: own and inherited.

    opaque_bases: bases whose source was not found; what they bring is unknown.
    roles: an executor's literal `roles`, None when not declared or not a literal.
    """

    path: str
    file: str
    line: int
    ancestors: tuple[str, ...]
    methods: Mapping[str, Method]
    opaque_bases: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] | None = None

    def is_a(self, class_path: str) -> bool:
        """Whether `class_path` (e.g. `assay.sdk:TrainableModel`) is among the ancestors."""
        return class_path in self.ancestors

    def implements(self, method: str) -> bool:
        """Whether a body, not just an abstract declaration, exists."""
        return method in self.methods and not self.methods[method].is_abstract


class ClassNotFound(SpecError):
    """A class path that leads nowhere; `message` says what is missing, `hint` the next step."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message = message
        self.hint = hint


def outline_class(class_path: str) -> ClassOutline:
    """The outline of `module.path:ClassName`. Raises ClassNotFound, or SpecError when the source does not parse."""
    module_name, _, class_name = class_path.partition(":")
    module = read_module(module_name)
    if module is None:
        raise ClassNotFound(
            f"no module {module_name!r} on the Python path",
            f"expected a file {module_name.replace('.', '/')}.py below a folder on sys.path, such as include/",
        )
    found = _resolve(module, class_name)
    if found is None:
        names = [name for name in (*module.classes, *module.imported) if not name.startswith("_")]
        match = nearest(class_name, names)
        hint = f"did you mean {match!r}?" if match else f"it defines {', '.join(sorted(module.classes)) or 'no class'}"
        raise ClassNotFound(f"no class {class_name!r} in {module.file}", hint)
    return _outline(*found, seen=())


def _outline(module: ModuleSource, node: ast.ClassDef, seen: tuple[str, ...]) -> ClassOutline:
    path = f"{module.name}:{node.name}"
    own = ClassOutline(
        path=path,
        file=str(module.file),
        line=node.lineno,
        ancestors=(path,),
        methods={method.name: method for method in _methods(module, node)},
        roles=_declared_roles(module, node),
    )
    for base in node.bases:
        found = _resolve_expression(module, base)
        if found is None:
            own = replace(own, opaque_bases=(*own.opaque_bases, ast.unparse(base)))
        elif f"{found[0].name}:{found[1].name}" not in (*seen, path):
            own = _inherit(own, _outline(*found, seen=(*seen, path)))
    return own


def _inherit(own: ClassOutline, base: ClassOutline) -> ClassOutline:
    return replace(
        own,
        ancestors=tuple(dict.fromkeys((*own.ancestors, *base.ancestors))),
        methods={**base.methods, **own.methods},
        opaque_bases=(*own.opaque_bases, *base.opaque_bases),
        roles=own.roles if own.roles is not None else base.roles,
    )


def _methods(module: ModuleSource, node: ast.ClassDef) -> Iterator[Method]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in item.decorator_list}
            yield Method(
                name=item.name,
                line=item.lineno,
                is_abstract="abstractmethod" in decorators,
                parameters={p.name: p for p in read_parameters(item, module.constants)},
                accepted=tuple(a.arg for a in (*item.args.posonlyargs, *item.args.args, *item.args.kwonlyargs))[1:],
                takes_any=item.args.kwarg is not None,
            )


def _declared_roles(module: ModuleSource, node: ast.ClassDef) -> Mapping[str, tuple[str, ...]] | None:
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        if isinstance(target, ast.Name) and target.id == "roles" and isinstance(value, ast.expr):
            roles = evaluate(value, module.constants)
            if isinstance(roles, dict) and all(isinstance(methods, tuple | list) for methods in roles.values()):
                return {str(role): tuple(str(method) for method in methods) for role, methods in roles.items()}
    return None


def _resolve_expression(module: ModuleSource, node: ast.expr) -> tuple[ModuleSource, ast.ClassDef] | None:
    """The class that `Base`, `module.Base` or `Base[T]` means inside `module`."""
    if isinstance(node, ast.Subscript):
        return _resolve_expression(module, node.value)
    if isinstance(node, ast.Name):
        return _resolve(module, node.id)
    if not isinstance(node, ast.Attribute):
        return None
    first, *rest = ast.unparse(node.value).split(".")
    target, attribute = module.imported.get(first, ("", ""))
    if not target:
        return None
    return _resolve_in(".".join(filter(None, (target, attribute, *rest))), node.attr)


def _resolve(module: ModuleSource, name: str, depth: int = 0) -> tuple[ModuleSource, ast.ClassDef] | None:
    if name in module.classes:
        return module, module.classes[name]
    if name in module.imported and depth < 8:
        target, attribute = module.imported[name]
        if attribute and target != module.name:
            return _resolve_in(target, attribute, depth + 1)
    return None


def _resolve_in(module_name: str, name: str, depth: int = 0) -> tuple[ModuleSource, ast.ClassDef] | None:
    module = read_module(module_name)
    found = _resolve(module, name, depth) if module is not None else None
    if found is None and module_name == "assay":
        # `assay` hands out the SDK's names on first use, which no reading of its source can show.
        return _resolve_in("assay.sdk", name, depth)
    return found
