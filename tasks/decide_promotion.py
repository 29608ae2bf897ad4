"""Decide whether a model may be promoted, from signed ledger statements alone; a refusal is a normal end."""

from collections.abc import Mapping
from datetime import timedelta

from assay.digests import sha256_json
from assay.evidence_chain import REQUIRED_STEPS, evidence_chain
from assay.fairness_bound import FairnessBound
from assay.json_types import JsonObject
from assay.ledger import LedgerEntry
from assay.policy import (
    AllOf,
    Case,
    ChampionComparison,
    Comparison,
    ExaminedAsAsked,
    MetricBound,
    NothingDeclaredBad,
    PassedStatement,
    Rule,
    SameDigest,
)
from assay.quarantine.objections import objections
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.signing import KeyRole
from assay.spec import ChallengerRule, FairnessRule, MetricRule, PipelineSpec
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.compare_champion import compare_champion
from tasks.compare_robustness import compare_robustness

_ROLES = ("raw", "admitted", "train", "holdout", "recent", "candidate", "model")


def decide_promotion(request: StepRequest, bench: Workbench) -> StepReport:
    """PASSED when every rule of the policy passes on the model's chain of statements, FAILED otherwise.

    facts.policy_sha256 names the policy, facts.input_attestations the ledger entries it judged.
    """
    model = request.input("model")
    statements = evidence_chain(bench.ledger, model)
    case = Case(
        pipeline=request.spec.name,
        now=bench.clock(),
        statements=statements,
        requested={role: subject for role, subject in request.inputs.items() if role in _ROLES},
        comparisons=_comparisons(request, bench, statements.get(Step.ASSAY)),
        declared_bad=tuple(one.words for one in objections(bench.ledger, bench.store, model, reads_rows=True)),
    )
    checks = tuple(rule.judge(case) for rule in promotion_policy(request.spec))
    for check in checks:
        bench.say(f"{check.name}: {check.verdict.value}: {check.detail}")
    return StepReport(
        step=Step.GATE,
        pipeline=request.spec.name,
        verdict=_decision(checks),
        inputs=dict(case.requested),
        judged=("model",),
        checks=checks,
        facts={
            "policy_sha256": sha256_json(policy_json(request.spec)),
            "input_attestations": [entry.sha256 for entry in statements.values() if entry is not None],
        },
    )


def promotion_policy(spec: PipelineSpec) -> tuple[Rule, ...]:
    """The rules of `spec`, after those of every pipeline: evidence of each step, on the same digests, as asked."""
    fresh = timedelta(hours=spec.max_evidence_age_hours)
    return (
        *(PassedStatement(step, KeyRole.PRODUCER, fresh) for step in REQUIRED_STEPS),
        AllOf("same digests throughout", tuple(SameDigest(role) for role in _ROLES)),
        ExaminedAsAsked(spec.assay.model_dump(mode="json")),
        NothingDeclaredBad(),
        *(_rule(rule, spec) for rule in spec.gate),
    )


def policy_json(spec: PipelineSpec) -> JsonObject:
    """What the decision depended on, as data; its sha256 names the policy."""
    return {
        "required": [step.value for step in REQUIRED_STEPS],
        "same_digests": list(_ROLES),
        "gate": [rule.model_dump(mode="json") for rule in spec.gate],
        "max_evidence_age_hours": spec.max_evidence_age_hours,
        "assay": spec.assay.model_dump(mode="json"),
        "approval": spec.approval.model_dump(mode="json"),
    }


def _rule(rule: MetricRule | FairnessRule | ChallengerRule, spec: PipelineSpec) -> Rule:
    if isinstance(rule, MetricRule):
        return MetricBound(rule.metric, rule.min, rule.max, rule.confident)
    if isinstance(rule, FairnessRule):
        declared = {sensitive.column: sensitive.positive for sensitive in spec.assay.fairness}
        return FairnessBound(
            rule.fairness, rule.column, declared.get(rule.column), rule.min, rule.max, confident=rule.confident
        )
    return ChampionComparison(rule.rows, rule.must, rule.margin, rule.alpha, rule.challenger, rule.max_loss)


def _comparisons(
    request: StepRequest, bench: Workbench, assayed: LedgerEntry | None
) -> Mapping[tuple[str, str], tuple[Comparison, ...]]:
    rules = [rule for rule in request.spec.gate if isinstance(rule, ChallengerRule)]
    clean = sorted({rule.rows for rule in rules if rule.challenger == "accuracy"})
    made: dict[tuple[str, str], tuple[Comparison, ...]] = {
        ("accuracy", rows): (compare_champion(request, bench, assayed, rows),) for rows in clean
    }
    if any(rule.challenger == "robust_accuracy" for rule in rules):
        made["robust_accuracy", "holdout"] = compare_robustness(request, bench, assayed)
    return made


def _decision(checks: tuple[Check, ...]) -> Verdict:
    """A decision is yes or no: what was not checked does not pass."""
    return Verdict.PASSED if combined_verdict(checks) is Verdict.PASSED else Verdict.FAILED
