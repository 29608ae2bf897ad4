"""Keras configurations: layers and functions of Keras's own, each by its full name, and no code or file in them.

A configuration is a program of constructors: `module` and `class_name` say what is imported and called. Those that
may be named are listed in keras_classes.txt: the public classes and functions of Keras 3 without those that carry
code or fetch files (Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer, FlaxLayer).
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tasks.scanning.finding import Finding, Severity, finding
from tasks.scanning.json_text import Parsed, objects

_LIST = Path(__file__).with_name("keras_classes.txt")
# Keras's own marks for plain values.
_PLAIN = {"__tuple__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__keras_tensor__"}
_PLAIN |= {"TensorShape", "__typespec__"}
# Names of Keras 2 whose classes have others now.
_OLD = {
    "Functional",
    "Model",
    "Sequential",
    "Policy",
    "BatchNormalizationV1",
    "BatchNormalizationV2",
    "GRUV2",
    "LSTMV2",
}
_OLD |= {"GlorotUniform", "GlorotNormal", "VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal"}
_OLD_MODULES = ("tensorflow.keras", "keras.src", "keras.engine", "keras.api")
_FROM_FILES = ("vocabulary", "idf_weights", "vocabulary_file", "filepath")


def scan_config(document: Parsed) -> Iterator[Finding]:
    """What speaks against any object of the document that names a class."""
    seen: set[Finding] = set()
    for one in objects(document):
        if "class_name" in one:
            seen.update(_scan_object(one))
    yield from sorted(seen, key=lambda found: found.detail)


def names_classes(document: Parsed) -> bool:
    """Whether the document is a configuration of Keras: some object of a class with a configuration."""
    return any({"class_name", "config"} <= set(one) for one in objects(document))


def _scan_object(one: dict[str, Parsed]) -> Iterator[Finding]:
    name, module, config = one["class_name"], one.get("module"), one.get("config")
    if name == "function" and isinstance(config, str):
        if not _is_listed(module, config, "function"):
            yield finding("keras-function", f"names the function {module}.{config}", Severity.CRITICAL)
    elif name in ("Lambda", "__lambda__"):
        yield finding("keras-lambda", f"{name}: Python code in the configuration", Severity.CRITICAL)
    elif name not in _PLAIN and not (isinstance(name, str) and _is_listed(module, name, "class")):
        yield finding("keras-class", f"names the class {module}.{name}, not one of Keras's own", Severity.CRITICAL)
    registered = one.get("registered_name")
    if registered not in (None, "", name, config if isinstance(config, str) else name):
        yield finding("keras-class", f"asks for {registered}, registered by code outside the file")
    if isinstance(config, dict):
        for key in _FROM_FILES:
            if isinstance(config.get(key), str) and config[key]:
                yield finding("keras-file", f"{name} reads the file {config[key]!r}", Severity.CRITICAL)


def _is_listed(module: Parsed, name: str, kind: str) -> bool:
    """The pair where a module is named; the name alone in configurations that name none."""
    if module is None or (module == "builtins" and kind == "function"):
        return name in _names()[kind] or (kind == "class" and name in _OLD)
    if not isinstance(module, str):
        return False
    if module.startswith(_OLD_MODULES) and not module.startswith("keras.src.ops"):
        # Optimizers are of the backend's own class.
        inner = module.removeprefix("keras.src.backend.torch.optimizers")
        # Where Keras keeps a class moves between versions; the class is one of the list either way.
        return not set(inner.split(".")) & {"utils", "saving", "config", "backend"} and name in _names()[kind] | _OLD
    return (module, name) in _pairs()[kind]


@cache
def _pairs() -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {"class": set(), "function": set()}
    for line in _LIST.read_text("ascii").splitlines():
        module, name, kind = line.split()
        found[kind].add((module, name))
    return found


@cache
def _names() -> dict[str, set[str]]:
    return {kind: {name for _, name in pairs} for kind, pairs in _pairs().items()}
