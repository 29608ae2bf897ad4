"""Rules between fields of one spec that types cannot say: schedules, gate, approvers."""

from collections.abc import Iterator, Mapping
from typing import get_args

from assay.finding import FieldPath, Finding
from assay.near_miss import nearest, suggestion
from assay.spec import GATE_METRICS, AssaySpec, FairnessRule, MetricRule, PipelineSpec, PrivacySpec

_CRON_HINT = "write five fields 'minute hour day month weekday', such as '0 6 * * 1' for Mondays at six"
_FAIRNESS_MEASURES = get_args(FairnessRule.model_fields["fairness"].annotation)
_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@midnight", "@annually")


def rule_findings(spec: PipelineSpec) -> Iterator[Finding]:
    """Findings in any order."""
    yield from _cron_findings(("schedule",), spec.schedule)
    yield from _cron_findings(("monitor", "schedule"), spec.monitor.schedule)
    for position, rule in enumerate(spec.gate):
        if isinstance(rule, MetricRule):
            yield from _metric_findings(("gate", position), rule, spec)
        elif isinstance(rule, FairnessRule):
            yield from _fairness_findings(("gate", position), rule, spec)
        else:
            yield from _unmeasured(("gate", position, "challenger"), rule.challenger, spec.assay)
    if not spec.gate:
        yield Finding(("gate",), "an empty gate would let every model through", "remove the key for the default gate")
    if spec.assay.privacy == PrivacySpec():
        hint = "add `membership: {}` or `extraction: {}`, or remove the key"
        yield Finding(("assay", "privacy"), "privacy is asked for, but for nothing in particular", hint)
    yield from _column_findings(spec)
    yield from _approval_findings(spec)


def _cron_findings(field: FieldPath, cron: str | None) -> Iterator[Finding]:
    if cron is None or cron in _PRESETS:
        return
    if cron.startswith("@"):
        yield Finding(field, f"{cron!r} is not a schedule", suggestion(cron, _PRESETS))
        return
    if len(cron.split()) != 5:
        yield Finding(field, f"{cron!r} has {len(cron.split())} fields, a cron schedule has 5", _CRON_HINT)
        return
    from croniter import CroniterError, croniter  # type: ignore[import-untyped]

    try:
        croniter(cron)
    except (CroniterError, ValueError) as error:
        yield Finding(field, f"{cron!r} is not a cron schedule: {error}", _CRON_HINT)


def _metric_findings(field: FieldPath, rule: MetricRule, spec: PipelineSpec) -> Iterator[Finding]:
    if rule.metric not in GATE_METRICS:
        hint = suggestion(rule.metric, GATE_METRICS)
        if rule.metric in _FAIRNESS_MEASURES:
            hint = f"write `fairness: {rule.metric}` and the `column`"
        yield Finding((*field, "metric"), f"unknown metric {rule.metric!r}", hint)
        return
    yield from _unmeasured((*field, "metric"), rule.metric, spec.assay)
    for bound, value in (("min", rule.min), ("max", rule.max)):
        if value is not None and not 0 <= value <= 1:
            yield Finding(
                (*field, bound), f"{rule.metric} lies in [0, 1], found {value:g}", "write a share, not a percentage"
            )
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        yield Finding((*field, "min"), f"min {rule.min:g} above max {rule.max:g} refuses every model", "swap them")


def _unmeasured(field: FieldPath, metric: str, asked: AssaySpec) -> Iterator[Finding]:
    """A rule on what the assay step would not measure refuses every model."""
    privacy = asked.privacy or PrivacySpec()
    measured: Mapping[str, tuple[object, str]] = {
        "robust_accuracy": (asked.threat_models, "threat_models: [{epsilon: 0.1}]"),
        "corruption_accuracy": (asked.corruption, "corruption: true"),
        "membership_true_positive_rate": (privacy.membership, "privacy: {membership: {}}"),
        "extraction_fidelity": (privacy.extraction, "privacy: {extraction: {}}"),
        "attribute_advantage": (privacy.attributes, "privacy: {attributes: [race]}"),
        "nan_answer_rate": (asked.stress, "stress: true"),
        "attribution_concentration": (asked.explanations, "explanations: {}"),
    }
    by, instead = measured.get(metric, (True, ""))
    if not by:
        section = instead.partition(":")[0]
        yield Finding(field, f"{metric} is not measured without `assay.{section}`", f"add `{instead}` under assay")


def _fairness_findings(field: FieldPath, rule: FairnessRule, spec: PipelineSpec) -> Iterator[Finding]:
    declared = [sensitive.column for sensitive in spec.assay.fairness]
    if rule.column not in declared:
        near = nearest(rule.column, declared)
        hint = f"did you mean {near!r}?" if near else f"add `fairness: [{{column: {rule.column}}}]` under assay"
        yield Finding((*field, "column"), f"assay.fairness does not declare a column {rule.column!r}", hint)


def _column_findings(spec: PipelineSpec) -> Iterator[Finding]:
    """A column has one place: beside the rows or in them, and it is measured once."""
    collector = spec.data.collector
    taken = {collector.label: "label", collector.row_id: "row_id", collector.source: "source"}
    taken[collector.entity] = "entity"
    for position, name in enumerate(collector.aside):
        field: FieldPath = ("data", "collector", "aside", position)
        if not name or name in collector.aside[:position]:
            yield Finding(field, f"{name!r} stands twice" if name else "a column has no name", "name each column once")
        elif name in taken:
            yield Finding(field, f"{name!r} is the collector's {taken[name]} already", "remove it here")
    columns = [sensitive.column for sensitive in spec.assay.fairness]
    for position, name in enumerate(columns):
        if name in columns[:position]:
            yield Finding(("assay", "fairness", position, "column"), f"{name!r} stands twice", "declare it once")


def _approval_findings(spec: PipelineSpec) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, approver in enumerate(spec.approval.approvers):
        field: FieldPath = ("approval", "approvers", position)
        if not approver.strip():
            yield Finding(field, "an approver has no name", "write the user's login name")
        elif approver in seen:
            yield Finding(field, f"{approver!r} stands twice", "name each approver once")
        seen.add(approver)
