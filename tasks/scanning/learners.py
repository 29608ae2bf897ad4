"""Classes of scikit-learn, XGBoost and LightGBM that may be made and filled, each by its full name.

Those of scikit-learn are listed in sklearn_classes.txt, made by rule (`python -m tasks.scanning.list_sklearn`):
classes only, never a function. The few functions below may be held as a value and not be called by a pickle.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tasks.scanning.finding import Refused, Severity
from tasks.scanning.pickle_rules import OBJECT, VALUE, Rule, expect, is_imported
from tasks.scanning.pickle_values import Blob, DictValue, Imported, Made, Value

LIST = Path(__file__).with_name("sklearn_classes.txt")
ARRAY_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
BOOSTERS = ("lightgbm.basic.Booster", "xgboost.core.Booster")
_PARTIAL, _CHECK = "functools.partial", "sklearn.utils.validation.check_array"
_NUMBERS = (int, float, bool, str, type(None))
_TREES = {"sklearn.neighbors._kd_tree": "KDTree", "sklearn.neighbors._ball_tree": "BallTree"}
_METRICS = ("sklearn.metrics._dist_metrics", "sklearn.neighbors._dist_metrics")
# Modules of scikit-learn before 1.0 whose classes have moved since.
_MOVED = {
    "sklearn.ensemble._gb_losses": "BinomialDeviance MultinomialDeviance ExponentialLoss LeastSquaresError "
    "LeastAbsoluteError HuberLossFunction QuantileLossFunction",
    "sklearn.ensemble._hist_gradient_boosting.loss": "LeastSquares LeastAbsoluteDeviation Poisson BinaryCrossEntropy "
    "CategoricalCrossEntropy",
}
_SCORES = {
    "sklearn.feature_selection._univariate_selection": "f_classif f_regression r_regression chi2 f_oneway",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.cluster._kmeans": "_kmeans_single_lloyd _kmeans_single_elkan",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score f1_score precision_score recall_score "
    "log_loss brier_score_loss matthews_corrcoef jaccard_score cohen_kappa_score fbeta_score zero_one_loss",
    "sklearn.metrics._ranking": "roc_auc_score average_precision_score top_k_accuracy_score",
    "sklearn.metrics._regression": "mean_squared_error root_mean_squared_error mean_absolute_error r2_score "
    "median_absolute_error max_error explained_variance_score mean_absolute_percentage_error mean_squared_log_error",
}
_BOOSTERS = {
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBModel XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMModel LGBMClassifier LGBMRegressor LGBMRanker",
}


@cache
def rules() -> Mapping[tuple[str, str], Rule]:
    """By (module, qualified name)."""
    listed: dict[tuple[str, str], Rule] = {}
    for line in LIST.read_text("ascii").splitlines():
        module, name, kind = line.split()
        listed[module, name] = _KINDS[kind]
    return {**listed, **_by_hand()}


def _by_hand() -> dict[tuple[str, str], Rule]:
    return {
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): OBJECT,
        **_each({**_MOVED, **_BOOSTERS}, OBJECT),
        **_each(_SCORES, VALUE),
        ("sklearn.compose._column_transformer", "make_column_selector"): OBJECT,
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfMultinomialLoss"): Rule(_unpickled),
        ("sklearn.utils.validation", "check_array"): VALUE,
        ("functools", "partial"): Rule(_partial),
        **{(module, "newObj"): Rule(_new_object) for module in (*_TREES, *_METRICS)},
        **{(module, f"{name}{bits}"): VALUE for module, name in _TREES.items() for bits in ("", "32", "64")},
        **{(module, "EuclideanDistance"): VALUE for module in _METRICS},
    }


def _each(names: Mapping[str, str], rule: Rule) -> dict[tuple[str, str], Rule]:
    return {(module, name): rule for module, listed in names.items() for name in listed.split()}


def _new_object(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """`newObj(cls)`, Cython's way to an empty object of a tree or metric of the same module."""
    kind = arguments[0] if len(arguments) == 1 else None
    expect(
        isinstance(kind, Imported) and kind.module == callee.module and kind.name != "newObj", callee, "its own class"
    )
    return Made("sklearn.newObj")


def _unpickled(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """Cython's `__pyx_unpickle_CLASS(cls, checksum, state)`, of that very class."""
    ok = len(arguments) == 3 and is_imported(arguments[0], str(callee).replace("__pyx_unpickle_", ""))
    expect(ok and isinstance(arguments[1], int) and arguments[2] in (None, ()), callee, "its own class")
    return Made("sklearn.compiled")


def _partial(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """Of a check of arrays alone: histogram boosting holds one."""
    expect(len(arguments) == 1 and is_imported(arguments[0], _CHECK), callee, _CHECK)
    return Made(_PARTIAL)


def _partial_state(_: Made, state: Value) -> None:
    """(function, arguments, keyword arguments, attributes): the function can change here."""
    if not isinstance(state, tuple) or len(state) != 4 or not is_imported(state[0], _CHECK) or state[1] != ():
        raise Refused("pickle-state", f"a partial call of another function than {_CHECK}", Severity.CRITICAL)


def _numbers(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """A compiled class called with numbers and arrays, such as a tree's shape or a loss's parameters."""
    ok = all(isinstance(one, (*_NUMBERS, Made)) for one in arguments)
    expect(ok, callee, "numbers and arrays")
    return Made("sklearn.compiled")


def _compiled_state(_: Made, state: Value) -> None:
    """Read by compiled code that takes numbers and arrays by place or by name."""
    parts = state if isinstance(state, tuple) else (state,)
    if any(isinstance(part, Imported) for part in parts) or (isinstance(state, DictValue) and state.has_dunder):
        raise Refused("pickle-state", "gives a compiled object an imported name")


def _wrapper_state(target: Made, state: Value) -> None:
    if not isinstance(state, DictValue) or state.has_dunder or not state.is_whole:
        raise Refused("pickle-state", "an array wrapper of another shape")
    target.fact = state


def _booster_state(_: Made, state: Value) -> None:
    """A booster frees its handle when it is thrown away: it must be the model's text, which it is made from anew."""
    if not isinstance(state, DictValue) or not state.is_whole or state.has_dunder:
        raise Refused("pickle-state", "a booster of another shape")
    handles = [state.items.get(name) for name in ("handle", "_handle")]
    if not all(handle is None or isinstance(handle, str | bytes | Blob) for handle in handles):
        raise Refused("pickle-state", "a booster whose handle is no model", Severity.CRITICAL)


_KINDS: Mapping[str, Rule] = {"object": OBJECT, "compiled": Rule(_numbers), "value": VALUE}
BUILDS: Mapping[str, Callable[[Made, Value], None]] = {
    ARRAY_WRAPPER: _wrapper_state,
    _PARTIAL: _partial_state,
    **dict.fromkeys(BOOSTERS, _booster_state),
    "sklearn.newObj": _compiled_state,
    "sklearn.compiled": _compiled_state,
}
