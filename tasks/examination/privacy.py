"""What a finished model gives away: its training rows, itself, sensitive columns, and rows planted in its training.

Every test also runs on a model known to leak; a test that sees nothing there is not checked, never passed.
"""

import time
from typing import TYPE_CHECKING, Any

from assay.bundle import load_bundle
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.near_miss import suggestion
from assay.records import Check, Subject, Verdict
from assay.sdk import Rows
from assay.spec import ExtractionSpec
from tasks.examination.case import Examined, ModelCase
from tasks.examination.clean import Interval
from tasks.privacy.attributes import LEAST_OF_ANSWER, AttributeLeak, guess_attribute
from tasks.privacy.exposure import Exposure, canary_exposure, canary_losses, canary_twins
from tasks.privacy.extraction import LEAST_OF_PLANE, Halves, Stolen, plane_fidelity, steal
from tasks.privacy.membership_examination import examine_membership
from tasks.privacy.planted import Planted, find_planted
from tasks.training.rows import row_position, select_rows, split_validation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_JUDGED = 5000
FEWEST_HALF = 30


def examine_privacy(case: ModelCase) -> Examined:
    """What `assay.privacy` asks for; facts: membership, extraction, attributes, canaries, each where it was made.

    notes: what nobody asked for, in words.
    """
    asked = case.spec.assay.privacy
    found: dict[str, Examined] = {}
    notes: list[Json] = []
    if asked is None or asked.membership is None:
        notes.append("membership: not asked for, whether training rows can be told from others is not known")
    else:
        found["membership"] = examine_membership(case, asked.membership)
    if asked is None or asked.extraction is None:
        notes.append("extraction: not asked for, how well a copy would agree is not known")
    else:
        found["extraction"] = examine_extraction(case, asked.extraction)
    if asked is None or not asked.attributes:
        notes.append("attributes: none named, what answers tell of sensitive columns is not known")
    else:
        found["attributes"] = examine_attributes(case, asked.attributes)
    planted = examine_canaries(case)
    if planted is None and asked is not None and asked.canaries:
        words = f"expected {asked.canaries} planted rows, the candidate has none; train it with this spec"
        found["canaries"] = Examined({"problem": words}, (Check("planted rows", Verdict.NOT_CHECKED, words),))
    elif planted is None:
        notes.append("canaries: training planted none, what the model remembers word for word is not known")
    else:
        found["canaries"] = planted
    if asked is not None and not found:
        words = "asked for, but for nothing in particular; name membership, extraction, attributes or canaries"
        found["asked"] = Examined({"problem": words}, (Check("privacy", Verdict.NOT_CHECKED, words),))
    return _together(found, notes)


def examine_extraction(case: ModelCase, asked: ExtractionSpec) -> Examined:
    """One half of the holdout to ask with, the other to compare on; extraction_fidelity is the best copy's."""
    name, started = "model extraction", time.perf_counter()
    halves = _halves(case.rows["holdout"])
    fewest = min(len(halves.asked), len(halves.judged))
    if fewest < FEWEST_HALF:
        words = f"needs {FEWEST_HALF} holdout rows to ask with and as many to compare on, found {fewest}"
        return Examined({"problem": words}, (Check(name, Verdict.NOT_CHECKED, words),))
    plane = plane_fidelity(halves, case.seed)
    stolen = []
    for one in steal(_ask(case), halves, asked.queries, case.seed):
        seconds = time.perf_counter() - started
        case.say(f"extraction: a copy agrees on {one.best.value:.4f} after {one.queries} questions, {seconds:.0f} s")
        stolen.append(one)
    facts: JsonObject = {
        "judged_rows": len(halves.judged),
        "copies": [one.to_json() for one in stolen],
        "canary": {"fidelity": plane, "needed": LEAST_OF_PLANE, "sees": plane >= LEAST_OF_PLANE},
        "seconds": round(time.perf_counter() - started, 3),
    }
    if plane < LEAST_OF_PLANE:
        words = f"blind: a copy of a plane agrees on {plane:.2f} of the rows, {LEAST_OF_PLANE} needed"
        return Examined(facts, (Check(name, Verdict.NOT_CHECKED, words),))
    best = max(stolen, key=lambda one: one.best.value)
    check = Check(name, Verdict.PASSED, _stolen_words(best), measured=best.best.value)
    metric = "extraction_fidelity"
    return Examined(facts, (check,), {metric: best.best.value}, {metric: best.best.ci95})


def examine_attributes(case: ModelCase, names: list[str]) -> Examined:
    """facts: column -> what its values are guessed with. attribute_advantage: the largest, not below 0."""
    answers = case.served.predict(case.rows["holdout"].inputs).probabilities.astype("float64")
    facts: dict[str, Json] = {}
    checks, leaks = [], []
    for name in names:
        started = time.perf_counter()
        found = _guess(case, name, answers)
        check = _attribute_check(name, found)
        checks.append(check)
        if isinstance(found, str):
            facts[name] = {"problem": found}
            continue
        case.say(f"attribute inference: {name}, advantage {found.advantage:.4f}")
        facts[name] = {**found.to_json(), "seconds": round(time.perf_counter() - started, 3)}
        if check.verdict is Verdict.PASSED:
            leaks.append(found)
    if not leaks:
        return Examined(facts, tuple(checks))
    worst, metric = max(leaks, key=lambda one: one.advantage), "attribute_advantage"
    low, high = (max(0.0, end) for end in worst.ci95)
    return Examined(facts, tuple(checks), {metric: max(0.0, worst.advantage)}, {metric: (low, high)})


def examine_canaries(case: ModelCase) -> Examined | None:
    """Exposure of the rows that training planted; None when it planted none."""
    candidate = Subject(f"model/{case.spec.name}", case.bundle.exported_from)
    made = load_bundle(candidate, case.store).facts
    name, started = "planted rows", time.perf_counter()
    try:
        planted = find_planted(split_validation(case.training()).train, made, case.classes)
        if planted is None:
            return None
        found, seen = _exposures(case, planted)
    except SpecError as error:
        return Examined({"problem": str(error)}, (Check(name, Verdict.NOT_CHECKED, str(error)),))
    facts: JsonObject = {
        **found.to_json(),
        "canary": {"bits": seen.bits, "sees": seen.is_remembered},
        "seconds": round(time.perf_counter() - started, 3),
    }
    if not seen.is_remembered:
        words = f"blind: {seen.bits:.2f} bits of rows known by heart, chance is {seen.by_chance:.2f}"
        return Examined(facts, (Check(name, Verdict.NOT_CHECKED, words),))
    words = (
        f"exposure {found.bits:.2f} bits, 95 % interval {found.ci95[0]:.2f} to {found.ci95[1]:.2f}, "
        f"chance {found.by_chance:.2f}, at most {found.most:.2f}, of {found.planted} planted rows"
    )
    return Examined(facts, (Check(name, Verdict.PASSED, words, measured=found.bits),))


def _exposures(case: ModelCase, planted: Planted) -> tuple[Exposure, Exposure]:
    """Of the served model, and of the same once it is sure of every planted label."""
    holdout = case.rows["holdout"]
    canaries = select_rows(planted.train, planted.places)
    twins = canary_twins(select_rows(holdout, holdout.labels < case.classes), case.classes, planted.seed)
    ask = _ask(case)
    losses, others = (canary_losses(ask(rows.inputs), rows.labels) for rows in (canaries, twins))
    return canary_exposure(losses, others, case.seed), canary_exposure(losses * 0, others, case.seed)


def _ask(case: ModelCase) -> Any:
    return lambda inputs: case.served.predict(inputs).probabilities


def _halves(holdout: Rows) -> Halves:
    """A row's half follows from its id alone."""
    import numpy as np

    order = np.argsort([row_position(row_id) for row_id in holdout.row_ids], kind="stable")
    asked, judged = order[::2], order[1::2][:MOST_JUDGED]
    return Halves(holdout.inputs[asked], holdout.labels[asked], holdout.inputs[judged])


def _stolen_words(best: Stolen) -> str:
    low, high = best.best.ci95
    return (
        f"a copy agrees on {best.best.value:.4f} of the rows after {best.queries} questions, 95 % interval {low:.4f} "
        f"to {high:.4f}; one that learned the true labels on {best.by_truth.value:.4f}"
    )


def _guess(case: ModelCase, name: str, answers: "NDArray[np.float64]") -> AttributeLeak | str:
    if name not in case.columns.column_names:
        return f"the rows have no column {name!r} of single values; {suggestion(name, case.columns.column_names)}"
    return guess_attribute(name, case.columns, answers, case.seed)


def _attribute_check(name: str, found: AttributeLeak | str) -> Check:
    title = f"attribute inference of {name}"
    if isinstance(found, str):
        return Check(title, Verdict.NOT_CHECKED, found)
    if found.told < LEAST_OF_ANSWER:
        words = f"blind: guessed {found.told:.2f} when the answer is the attribute, {LEAST_OF_ANSWER} needed"
        return Check(title, Verdict.NOT_CHECKED, words)
    low, high = found.ci95
    words = (
        f"guessed {found.advantage:+.4f} better with answers, 95 % interval {low:+.4f} to {high:+.4f}; "
        f"balanced accuracy {found.without:.4f} without them"
    )
    return Check(title, Verdict.PASSED, words, measured=found.advantage)


def _together(found: dict[str, Examined], notes: list[Json]) -> Examined:
    metrics: dict[str, float] = {}
    ci95: dict[str, Interval] = {}
    for one in found.values():
        metrics |= one.metrics
        ci95 |= one.ci95
    facts: Json = {**{name: one.facts for name, one in found.items()}, "notes": notes}
    return Examined(facts, tuple(check for one in found.values() for check in one.checks), metrics, ci95)
