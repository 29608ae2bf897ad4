"""sklearn_classes.txt by rule from the installed scikit-learn. `python -m tasks.scanning.list_sklearn`.

Listed are classes only: estimators and what fitted ones hold of scikit-learn's own (losses, links, kernels, splits,
scorers, metadata); and compiled classes that Cython pickles by calling them with numbers.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from tasks.scanning.learners import LIST

_PASSED_OVER = (
    ".tests",
    ".externals",
    ".datasets",
    ".conftest",
    "._build_utils",
    "._testing",
    "._mocking",
    ".setup",
    "._arpack",
)
_BASES = {
    "BaseEstimator", "Kernel", "BaseCrossValidator", "BaseShuffleSplit", "_RepeatedSplits", "_BaseScorer", "BaseLoss",
    "BaseLink", "Interval", "BaseOptimizer", "Bunch", "MetadataRequest", "MethodMetadataRequest", "MetadataRouter",
    "TreePredictor", "_CFNode", "_CFSubcluster", "_BisectingTree", "_CalibratedClassifier", "_PassthroughScorer",
    "_MultimetricScorer", "MultilabelScorer", "LossFunction", "_UnfittedScorer",
}  # fmt: skip
_LOSSES = "sklearn._loss._loss"
_SGD = "sklearn.linear_model._sgd_fast"
_METRICS = "sklearn.metrics._dist_metrics"


def listed() -> list[str]:
    """Lines of `module name kind`, sorted."""
    return sorted(
        f"{module.__name__} {name} {kind}"
        for module in _modules()
        for name, member in vars(module).items()
        if inspect.isclass(member) and member.__module__ == module.__name__ and name == member.__qualname__
        for kind in _kinds(module.__name__, name, member)
    )


def _modules() -> Iterator[ModuleType]:
    import sklearn

    for found in pkgutil.walk_packages(sklearn.__path__, "sklearn.", onerror=lambda _: None):
        if not any(part in found.name for part in _PASSED_OVER):
            yield importlib.import_module(found.name)


def _kinds(module: str, name: str, member: type) -> Iterator[str]:
    bases = {base.__name__ for base in inspect.getmro(member)}
    if module == _METRICS and "Distance" in name and not inspect.isabstract(member):
        yield "value"
    elif _is_compiled(module, name):
        yield "compiled"
    elif bases & _BASES and not hasattr(member, "__del__"):
        yield "object"


def _is_compiled(module: str, name: str) -> bool:
    return (
        (module == _LOSSES and name.startswith("Cy"))
        or module == _SGD
        or (module, name) == ("sklearn.tree._tree", "Tree")
    )


if __name__ == "__main__":
    LIST.write_text("\n".join(listed()) + "\n", "ascii")
