"""Train a candidate: every trial of the spec's executor on Ray Tune, the best one kept, all of them tracked.

One run is a study of one trial, so that checkpoints, resuming after a kill and the budget hold for it as well.
Only the role `train` is read: rows that the screen or the split kept out cannot get in.
"""

from typing import cast

from assay.digests import sha256_json
from assay.forms import apply_parameters
from assay.json_types import Json, JsonObject
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.roles import executor_roles
from assay.spec import PipelineSpec
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.privacy.planted import FACT, with_canaries
from tasks.training.candidate import save_candidate
from tasks.training.ray_session import ray_session
from tasks.training.rows import TrainingRows, load_rows, split_validation
from tasks.training.study import Study, StudyResult, TrialOutcome, run_study
from tasks.training.tracking import Tracked, track_trials
from tasks.training.trials import Plan, plan_trials

_TRIALS_IN_FACTS = 200


def train_model(request: StepRequest, bench: Workbench) -> StepReport:
    """The best trial's model as product `candidate`; verdict FAILED, with reasons, when no trial made one.

    facts.stopped_by: "finished", "trials", "seconds" or "gpu_hours".
    """
    source = request.input("train")
    spec = apply_parameters(request.spec, request.parameters)
    plan = plan_trials(spec.train)
    canaries = spec.assay.privacy.canaries if spec.assay.privacy else 0
    rows = with_canaries(split_validation(load_rows(source, spec, bench)), canaries, spec.train.seed)
    name = _study_name(request, spec, source)
    bench.say(
        f"train: {len(plan.trials)} trial(s) of {spec.train.model} on {len(rows.train)} rows, "
        f"{len(rows.validation)} for validation"
    )
    result, place = _run(spec, plan, rows, name, bench)
    tracked = _track(request, name, result, bench)
    facts = _facts(spec, rows, result, tracked, place)
    best = best_outcome(result, spec.train.metric, spec.train.mode)
    if best is None or best.checkpoint is None:
        return _nothing_trained(request, source, result, facts)
    made_from: JsonObject = {
        "classes": rows.classes,
        "trained_on": source.sha256,
        "robust": spec.train.robust.model_dump(mode="json"),
        FACT: {"count": canaries, "seed": spec.train.seed},
    }
    candidate = save_candidate(best, best.checkpoint, spec, made_from, bench)
    bench.say(f"train: kept trial {best.trial.index + 1}, {spec.train.metric} {best.metrics[spec.train.metric]:.4f}")
    return StepReport(
        step=Step.TRAIN,
        pipeline=spec.name,
        verdict=Verdict.PASSED,
        products={"candidate": candidate},
        inputs={"train": source},
        checks=(_best_check(best, result, spec),),
        facts={**facts, "best": _outcome_json(best), "mlflow_run_id": tracked.runs.get(best.trial.index, "")},
    )


def best_outcome(result: StudyResult, metric: str, mode: str) -> TrialOutcome | None:
    """The best last `metric`; trials trained to their end come before stopped ones, earlier ones break ties.

    A robust model cut short in its warm-up looks best on clean rows, which is why stopped trials come last.
    """
    usable = [o for o in result.outcomes if o.ended != "failed" and o.checkpoint is not None and metric in o.metrics]
    finished = [outcome for outcome in usable if outcome.ended == "final"]
    sign = 1 if mode == "max" else -1
    return max(finished or usable, key=lambda o: (sign * o.metrics[metric], -o.trial.index), default=None)


def _study_name(request: StepRequest, spec: PipelineSpec, source: Subject) -> str:
    """The same for a second try of the same task, so that it resumes; different for any other work."""
    work: JsonObject = {
        "run_id": request.context.run_id,
        "train": source.sha256,
        "spec": cast(Json, spec.train.model_dump(mode="json")),
        "canaries": spec.assay.privacy.canaries if spec.assay.privacy else 0,
    }
    return f"{spec.name}-{sha256_json(work)[:16]}"


def _run(spec: PipelineSpec, plan: Plan, rows: TrainingRows, name: str, bench: Workbench) -> tuple[StudyResult, str]:
    first, *others = executor_roles(spec)
    models = {first: spec.train.model, **{role: spec.train.models[role] for role in others}}
    folder = bench.settings.home.absolute() / "ray_results" / name
    data_bytes = int(rows.train.inputs.nbytes + rows.validation.inputs.nbytes)
    with ray_session(bench.settings, spec.train.resources, data_bytes) as place:
        return run_study(Study(folder, plan, spec.train, models), rows, bench.say), place


def _track(request: StepRequest, name: str, result: StudyResult, bench: Workbench) -> Tracked:
    if not bench.settings.mlflow_url:
        return Tracked("")
    tags = {
        "assay.run_id": request.context.run_id,
        "assay.train": request.input("train").sha256,
        "assay.model": request.spec.train.model,
    }
    return track_trials(bench.settings.mlflow_url, request.spec.name, name, result.outcomes, tags)


def _facts(
    spec: PipelineSpec, rows: TrainingRows, result: StudyResult, tracked: Tracked, place: str
) -> dict[str, Json]:
    return {
        "executor": spec.train.executor,
        "model": spec.train.model,
        "metric": spec.train.metric,
        "robust": spec.train.robust.model_dump(mode="json"),
        "rows": {"train": len(rows.train), "validation": len(rows.validation)},
        "classes": rows.classes,
        "trials": [_outcome_json(outcome) for outcome in result.outcomes[:_TRIALS_IN_FACTS]],
        "stopped_by": result.stopped_by or "finished",
        "spent": {"trials": len(result.outcomes), "seconds": round(result.seconds, 3), "gpu_hours": result.gpu_hours},
        "ray": {"place": place, "resumed": result.resumed},
        "mlflow_experiment_id": tracked.experiment_id,
    }


def _outcome_json(outcome: TrialOutcome) -> dict[str, Json]:
    return {
        **outcome.trial.to_json(),
        "ended": outcome.ended,
        "metrics": dict(outcome.metrics),
        "error": outcome.error[:500],
    }


def _best_check(best: TrialOutcome, result: StudyResult, spec: PipelineSpec) -> Check:
    metric, failed = spec.train.metric, sum(outcome.ended == "failed" for outcome in result.outcomes)
    detail = (
        f"trial {best.trial.index + 1} of {len(result.outcomes)} has the best {metric} on validation rows; "
        f"{failed} failed; the search ended by {result.stopped_by or 'finishing'}"
    )
    return Check("candidate trained", Verdict.PASSED, detail, measured=best.metrics[metric])


def _nothing_trained(request: StepRequest, source: Subject, result: StudyResult, facts: dict[str, Json]) -> StepReport:
    errors = [outcome.error for outcome in result.outcomes if outcome.error]
    why = errors[0] if errors else f"the budget ({result.stopped_by or 'trials'}) ended before the first report"
    detail = f"none of {len(result.outcomes)} trials left a model: {why}"
    return StepReport(
        step=Step.TRAIN,
        pipeline=request.spec.name,
        verdict=Verdict.FAILED,
        inputs={"train": source},
        checks=(Check("candidate trained", Verdict.FAILED, detail),),
        facts=facts,
    )
