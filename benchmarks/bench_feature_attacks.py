"""Assay's attacks on tables beside ART's black boxes on the census: robust accuracy at an equal number of questions.

    python benchmarks/bench_feature_attacks.py ADULT [--rows 60] [--epsilon 0.1] [--most 2] [--queries 500]

ADULT: the census as CSV with its header, `income` the label. Each peer runs on rows scaled to [0, 1]. What it gives
back counts twice: `lawful`, brought under the same law (whole numbers and codes rounded to what occurs, the `most`
columns that moved furthest kept, moves cut to the radius) and asked once more; `free`, as it is, whether such a person
can be or not. ART's DecisionTreeAttack knows the tree's inside and asks nothing.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from art.attacks.evasion import DecisionTreeAttack, HopSkipJump, ZooAttack
from art.estimators.classification import BlackBoxClassifier
from art.estimators.classification.scikitlearn import ScikitlearnDecisionTreeClassifier
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from assay.spec import FeatureThreat
from tasks.attacks.features.constraints import Constraints, learn_constraints
from tasks.attacks.features.law import within
from tasks.attacks.features.moves import Attribute, State, changed, projected
from tasks.attacks.features.suite import attack_features

TESTED = 2000
Rows, Labels = NDArray[np.float32], NDArray[np.int64]
MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(50, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_depth=12, random_state=0),
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adult", type=Path)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--most", type=int, default=2)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    table, labels, fixed = census(asked.adult)
    train, known = table[:-TESTED], labels[:-TESTED]
    rows, truth = table[-TESTED:][: asked.rows], labels[-TESTED:][: asked.rows]
    constraints = learn_constraints(table, fixed)
    threat = FeatureThreat(norm="features", epsilon=asked.epsilon, most=asked.most, queries=asked.queries)
    for chosen in asked.models:
        model = MODELS[chosen]()
        model.fit(train, known)
        line = {"model": chosen, "accuracy": round(model.score(table[-TESTED:], labels[-TESTED:]), 4)}
        started = time.perf_counter()
        made = attack_features(model.predict_proba, rows, truth, constraints, threat, corpus=(train, known))
        seconds = sum(one.seconds for one in made.found.outcomes)
        line["assay"] = {
            "clean": round(float(made.found.clean.mean()), 4),
            "robust": round(made.found.robust_accuracy, 4),
            "questions": round(float(made.found.queries.mean()), 1),
            "seconds": round(seconds, 2),
            "with_checks": round(time.perf_counter() - started, 2),
            "doubts": [check.name for check in made.checks if check.verdict.value != "passed"],
        }
        line["art"] = {name: by_art(name, model, rows, truth, constraints, threat, seconds) for name in peers_of(model)}
        print(json.dumps(line), flush=True)


def census(path: Path) -> tuple[Rows, Labels, frozenset[int]]:
    """Shuffled rows with words as flags, income above 50,000 dollars, and the positions of age and race."""
    people = pd.read_csv(path, skipinitialspace=True)
    labels = people.pop("income").str.startswith(">50K").to_numpy(np.int64)
    words = [name for name in people if not pd.api.types.is_numeric_dtype(people[name])]
    flags = pd.get_dummies(people, columns=words)
    fixed = frozenset(at for at, name in enumerate(flags.columns) if name == "age" or name.startswith("race_"))
    order = np.random.default_rng(0).permutation(len(flags))
    return flags.to_numpy(np.float32)[order], labels[order], fixed


def peers_of(model: Any) -> list[str]:
    trees = ["DecisionTreeAttack"] if isinstance(model, DecisionTreeClassifier) else []
    return [*trees, "HopSkipJump", "ZooAttack"]


def by_art(
    name: str, model: Any, rows: Rows, truth: Labels, constraints: Constraints, threat: FeatureThreat, own: float
) -> dict[str, float]:
    low = np.array([column.low for column in constraints.columns])
    span = np.maximum([column.span for column in constraints.columns], 1e-9)
    asked = 0

    def predict(scaled: NDArray[Any]) -> NDArray[Any]:
        nonlocal asked
        asked += len(scaled)
        answers: NDArray[Any] = model.predict_proba((scaled * span + low).astype(np.float32)).astype(np.float32)
        return answers

    right = model.predict(rows) == truth
    scaled = ((rows - low) / span).astype(np.float32)
    started = time.perf_counter()
    if name == "DecisionTreeAttack":
        found = DecisionTreeAttack(ScikitlearnDecisionTreeClassifier(model), verbose=False).generate(rows)
    else:
        box = BlackBoxClassifier(predict, (rows.shape[1],), 2, clip_values=(0, 1))
        found = black_box(name, box, threat.queries).generate(scaled) * span + low
    seconds = time.perf_counter() - started
    lawful = np.stack([mended(threat, constraints, *pair) for pair in zip(rows, found.astype(np.float32), strict=True)])
    assert all(within(threat, constraints, *pair) is not None for pair in zip(rows, lawful, strict=True))
    return {
        "lawful": round(float((right & (model.predict(lawful) == truth)).mean()), 4),
        "free": round(float((right & (model.predict(found.astype(np.float32)) == truth)).mean()), 4),
        "questions": round(asked / len(rows), 1),
        "seconds": round(seconds, 2),
        "time_ratio": round(seconds / own, 1),
    }


def black_box(name: str, box: BlackBoxClassifier, queries: int) -> Any:
    """With settings that ask about as often as the threat model allows."""
    if name == "HopSkipJump":
        evaluations = max(queries // 10, 20)
        return HopSkipJump(box, norm=2, max_iter=5, max_eval=evaluations, init_eval=20, init_size=100, verbose=False)
    return ZooAttack(
        box, max_iter=max(queries // 40, 1), binary_search_steps=1, nb_parallel=20, learning_rate=0.2,
        use_resize=False, use_importance=False, variable_h=0.2, verbose=False,
    )  # fmt: skip


def mended(threat: FeatureThreat, constraints: Constraints, before: Rows, after: Rows) -> Rows:
    """The lawful row nearest to what the peer proposes, as far as that is known."""
    span = np.maximum([column.span for column in constraints.columns], 1e-9)
    wanted = after.copy()
    for group in constraints.groups:
        wanted[list(group)] = np.arange(len(group)) == after[list(group)].argmax()
    for at, column in enumerate(constraints.columns):
        if column.is_code:
            wanted[at] = min(column.values, key=lambda value: abs(value - wanted[at]))
    moved = np.abs(wanted - before) / span

    def distance(attribute: Attribute) -> float:
        return float(moved[list(attribute)].max())

    furthest = sorted(constraints.attributes, key=distance, reverse=True)[: threat.most]
    state: State = {one: projected(threat, constraints, before, wanted, one) for one in furthest if distance(one) > 0}
    return changed(before, state)


if __name__ == "__main__":
    main()
