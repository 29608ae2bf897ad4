"""Rules between fields of one spec that types cannot say: schedules, gate, approvers."""

from collections.abc import Iterator

from assay.finding import FieldPath, Finding
from assay.near_miss import suggestion
from assay.spec import GATE_METRICS, MetricRule, PipelineSpec

_CRON_HINT = "write five fields 'minute hour day month weekday', such as '0 6 * * 1' for Mondays at six"
_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@midnight", "@annually")


def rule_findings(spec: PipelineSpec) -> Iterator[Finding]:
    """Findings in any order."""
    yield from _cron_findings(("schedule",), spec.schedule)
    yield from _cron_findings(("monitor", "schedule"), spec.monitor.schedule)
    for position, rule in enumerate(spec.gate):
        if isinstance(rule, MetricRule):
            yield from _metric_findings(("gate", position), rule, spec)
    if not spec.gate:
        yield Finding(("gate",), "an empty gate would let every model through", "remove the key for the default gate")
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
        yield Finding((*field, "metric"), f"unknown metric {rule.metric!r}", suggestion(rule.metric, GATE_METRICS))
        return
    if rule.metric == "robust_accuracy" and not spec.assay.threat_models:
        hint = "add `threat_models: [{epsilon: 0.1}]` under assay"
        yield Finding((*field, "metric"), "robust_accuracy is measured only under a threat model", hint)
    for bound, value in (("min", rule.min), ("max", rule.max)):
        if value is not None and not 0 <= value <= 1:
            yield Finding(
                (*field, bound), f"{rule.metric} lies in [0, 1], found {value:g}", "write a share, not a percentage"
            )
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        yield Finding((*field, "min"), f"min {rule.min:g} above max {rule.max:g} refuses every model", "swap them")


def _approval_findings(spec: PipelineSpec) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, approver in enumerate(spec.approval.approvers):
        field: FieldPath = ("approval", "approvers", position)
        if not approver.strip():
            yield Finding(field, "an approver has no name", "write the user's login name")
        elif approver in seen:
            yield Finding(field, f"{approver!r} stands twice", "name each approver once")
        seen.add(approver)
