"""Every threat model of a spec, each by the attacks that its inputs allow; the worst one counts."""

from assay.json_types import Json
from assay.records import Check, Verdict
from assay.sdk import GradientModel
from assay.spec import AnyThreat, FeatureThreat, WordThreat
from tasks.examination.attack_views import worst_pictures
from tasks.examination.case import Examined, ModelCase
from tasks.examination.evasion import EvasionResult, examine_evasion, threat_name, without_gradients
from tasks.examination.feature_evasion import examine_features
from tasks.examination.looks import bounds_on
from tasks.examination.word_evasion import examine_words


def examine_threats(case: ModelCase) -> Examined:
    """Every threat model of the spec; facts: one entry each, in its order. robust_accuracy is the worst one's."""
    results, checks = [], list[Check]()
    for threat in case.spec.assay.threat_models:
        made = _examine(threat, case)
        if isinstance(made, Check):
            checks.append(made)
            continue
        low, high = made.ci95
        words = f"{made.robust_accuracy:.4f}, 95 % {low:.4f} to {high:.4f}, on {made.samples} rows"
        case.say(f"assay: robust accuracy at {threat_name(threat)}: {words}")
        results.append(made)
        checks += made.checks
    if not results:
        return Examined([], tuple(checks))
    worst = min(results, key=lambda result: result.robust_accuracy)
    return Examined(
        [{**result.facts, **_kept(result, case)} for result in results],
        tuple(checks),
        {"robust_accuracy": worst.robust_accuracy},
        {"robust_accuracy": worst.ci95},
    )


def _examine(threat: AnyThreat, case: ModelCase) -> EvasionResult | Check:
    """A model that cannot be attacked this way is a check in words."""
    if isinstance(threat, WordThreat):
        return examine_words(threat, case)
    if isinstance(threat, FeatureThreat):
        return examine_features(threat, case)
    holdout = case.rows["holdout"]
    unknown = int((holdout.labels >= case.classes).sum())
    if unknown:
        words = f"{unknown} holdout rows are of a class that training never saw; train on rows of it"
        return Check(f"{threat_name(threat)}: examined", Verdict.NOT_CHECKED, words)
    model = case.candidate()
    if not isinstance(model, GradientModel):
        return without_gradients(threat, case.spec.train.model)
    bounds = bounds_on(case.spec, "robust_accuracy")
    return examine_evasion(model, case.served, holdout, threat, case.seed, bounds, case.say)


def _kept(result: EvasionResult, case: ModelCase) -> dict[str, Json]:
    """Digests of what stays in the store: each row's outcome, and pictures of the worst."""
    kept: dict[str, Json] = {"outcomes": case.store.put_bytes(result.outcomes)}
    if result.attacked is None:
        return kept
    pictures = worst_pictures(result.attacked)
    return {**kept, "examples": case.store.put_bytes(pictures) if pictures else None}
