"""Train a candidate anew without the training rows that carry its backdoor; the old candidate stays as it was.

Sound rows say which training rows lie and whether the backdoor is gone. Nothing that is kept was fitted on them, so
they still measure: what is made here is exported, examined and judged like any other candidate.
"""

import io
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from assay.bundle import save_bundle
from assay.errors import IntegrityError, SpecError
from assay.json_types import Json, JsonObject
from assay.policy import mcnemar_p
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.sdk import GradientModel, Rows, TrainableModel, TrainingContext
from assay.spec import BackdoorSpec, PipelineSpec
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.backdoors.cleaning import (
    MOST_ACCURACY_LOST,
    Labelled,
    Measured,
    answers,
    is_accuracy_lost,
    lying_rows,
    measure,
    only_right,
)
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Suspect
from tasks.backdoors.reference import TWIN_ROWS
from tasks.examination.evasion import attacked_rows
from tasks.privacy.audited import join_rows
from tasks.privacy.planted import FACT, find_planted, with_canaries
from tasks.training.candidate import load_candidate
from tasks.training.rows import TrainingRows, load_rows, select_rows, split_validation
from tasks.training.train_again import train_again, training_device

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

METHOD = "trained anew"


def clean_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Product `candidate`, made as the input `candidate` was, on the rows of `train` that do not lie.

    inputs: the planted one as `cleaned_from`. Verdict FAILED, and no product, when the backdoor is still there or
    accuracy is lost. facts.cleaning: planted, left_out {rows, of, sha256 of a Parquet of row_id and label}, before,
    after {accuracy, success: highest of the old triggers on sound rows, obeyed: share of left-out rows that are called
    the planted class}. Raises SpecError when nothing planted is found.
    """
    started = time.perf_counter()
    sound = _sound_rows(request, bench)
    old, made = _planted_candidate(request, bench)
    finding = _find_again(old, sound, request.spec)
    rows = _training_rows(request, made, bench)
    lying = _lying(old, sound, rows.in_doubt, finding, request.spec.train.seed)
    bench.say(f"clean: {_words(finding.planted[0])}; {lying.sum()} of {len(rows)} training rows carry it")
    if not lying.any():
        none = Check("rows left out", Verdict.FAILED, f"none of {len(rows)} training rows is known to carry it")
        return _report(request, (_found_check(finding), none), None, {})
    new = _train_again(rows.without(lying), made, request.spec, bench.workdir)
    judged = _Judged.of(old, new, sound, select_rows(rows.in_doubt, lying), finding, request.spec)
    checks = (_found_check(finding), _left_out_check(lying, rows), *judged.checks())
    left_out = bench.store.put_bytes(_row_ids_parquet(select_rows(rows.in_doubt, lying)))
    cleaning: JsonObject = {
        "method": METHOD,
        "found_by": request.parameters.get("found_by", ""),
        "planted": [_entry(one) for one in finding.planted],
        "left_out": {"rows": int(lying.sum()), "of": len(rows), "sha256": left_out},
        **judged.to_json(),
        "seconds": round(time.perf_counter() - started, 3),
    }
    facts = _facts(request.spec, made, rows.without(lying), new, cleaning)
    if combined_verdict(checks) is not Verdict.PASSED:
        return _report(request, checks, None, facts)
    kept: JsonObject = {**made, "cleaned_from": request.input("candidate").sha256, "left_out": left_out}
    return _report(request, checks, _save(new, kept, request.spec, bench), facts)


@dataclass(frozen=True)
class _Doubtful:
    """in_doubt: training rows, then validation rows, each less what must stay. stays: canaries that training planted.

    trained: how many of `in_doubt` were trained on.
    """

    in_doubt: Rows
    stays: Rows
    trained: int
    classes: int

    def __len__(self) -> int:
        return len(self.in_doubt) + len(self.stays)

    def without(self, lying: "NDArray[np.bool_]") -> TrainingRows:
        """What the new candidate is trained and compared on."""
        import numpy as np

        trained = np.arange(len(self.in_doubt)) < self.trained
        train, validation = (select_rows(self.in_doubt, side & ~lying) for side in (trained, ~trained))
        return TrainingRows(join_rows(train, self.stays) if len(self.stays) else train, validation, self.classes)


@dataclass(frozen=True)
class _Judged:
    """Old and new candidate on sound rows and on the rows left out; `fresh`: a search of the new one."""

    before: Measured
    after: Measured
    obeyed: tuple[float, float]
    only_right: tuple[int, int]
    fresh: BackdoorFinding

    @classmethod
    def of(
        cls,
        old: GradientModel,
        new: GradientModel,
        sound: Rows,
        left_out: Rows,
        found: BackdoorFinding,
        spec: PipelineSpec,
    ) -> "_Judged":
        asked = spec.assay.backdoors or BackdoorSpec()
        images, shown = old.to_model_space(sound.inputs), old.to_model_space(left_out.inputs)
        modules = _module(old), _module(new)
        before, after = (measure(one, images, sound.labels, found.planted) for one in modules)
        obeyed = [float((answers(one, shown).argmax(1) == left_out.labels).mean()) for one in modules]
        fresh = find_backdoor(
            modules[1], images, sound.labels, spec.train.seed + 1, asked.seconds, asked.samples, found.reference
        )
        only = only_right(modules[0], modules[1], images, sound.labels)
        return cls(before, after, (obeyed[0], obeyed[1]), only, fresh)

    def checks(self) -> tuple[Check, ...]:
        return _gone_check(self.fresh), self._accuracy_check()

    def to_json(self) -> JsonObject:
        sides = zip((self.before, self.after), self.obeyed, strict=True)
        before, after = ({"accuracy": one.accuracy, "success": one.success, "obeyed": obeyed} for one, obeyed in sides)
        return {"before": cast(Json, before), "after": cast(Json, after)}

    def _accuracy_check(self) -> Check:
        """A loss of more than a point that chance does not explain (exact McNemar test, one-sided)."""
        lost = self.before.accuracy - self.after.accuracy
        is_lost = is_accuracy_lost(self.before, self.after, self.only_right)
        p = mcnemar_p(*self.only_right)
        words = f"{self.before.accuracy:.4f} before, {self.after.accuracy:.4f} after, on sound rows; p = {p:.3g}"
        return Check("accuracy kept", Verdict.FAILED if is_lost else Verdict.PASSED, words, lost, MOST_ACCURACY_LOST)


def _sound_rows(request: StepRequest, bench: Workbench) -> Rows:
    """The rows that the examination searched with."""
    asked = request.spec.assay.backdoors or BackdoorSpec()
    return attacked_rows(load_rows(request.input("holdout"), request.spec, bench), max(asked.samples, TWIN_ROWS))


def _planted_candidate(request: StepRequest, bench: Workbench) -> tuple[GradientModel, JsonObject]:
    """Raises IntegrityError when it was trained on other rows than `train`."""
    model, bundle = load_candidate(request.input("candidate"), request.spec, bench)
    if not isinstance(model, GradientModel):
        raise SpecError(f"{request.spec.train.model}: expected a GradientModel, whose triggers can be sought")
    found, train = bundle.facts.get("trained_on"), request.input("train")
    if found != train.sha256:
        raise IntegrityError(
            f"model/{bundle.name}: trained on {found}, the ledger says {train.sha256}; the candidate was changed"
        )
    return model, bundle.facts


def _find_again(model: GradientModel, sound: Rows, spec: PipelineSpec) -> BackdoorFinding:
    asked = spec.assay.backdoors or BackdoorSpec()
    images = model.to_model_space(sound.inputs)
    finding = find_backdoor(_module(model), images, sound.labels, spec.train.seed, asked.seconds, asked.samples)
    if not finding.planted:
        why = finding.problem or "no class has a trigger smaller than natural"
        raise SpecError(f"{spec.name}: expected to find the backdoor again, found none: {why}; nothing was cleaned")
    return finding


def _training_rows(request: StepRequest, made: JsonObject, bench: Workbench) -> _Doubtful:
    """Canaries bear wrong labels on purpose, and their examination counts on them: they stay."""
    import numpy as np

    split = split_validation(load_rows(request.input("train"), request.spec, bench))
    told, classes = made.get(FACT), int(str(made["classes"]))
    planted = find_planted(split.train, made, classes)
    count = int(str(told["count"])) if isinstance(told, Mapping) and planted else 0
    rows = with_canaries(split, count, planted.seed if planted else 0)
    stays = np.zeros(len(rows.train), dtype=bool)
    if planted:
        stays[planted.places] = True
    free = select_rows(rows.train, ~stays)
    return _Doubtful(join_rows(free, rows.validation), select_rows(rows.train, stays), len(free), classes)


def _lying(model: GradientModel, sound: Rows, rows: Rows, finding: BackdoorFinding, seed: int) -> "NDArray[np.bool_]":
    images = model.to_model_space(sound.inputs)
    known = Labelled(model.to_model_space(rows.inputs), rows.labels)
    return lying_rows(_module(model), images, sound.labels, known, finding.planted, seed)


def _train_again(rows: TrainingRows, made: JsonObject, spec: PipelineSpec, workdir: Path) -> GradientModel:
    """The user's class and executor with the candidate's own parameters and seed, in this process."""
    context = TrainingContext(
        seed=int(str(made["seed"])),
        workdir=Path(tempfile.mkdtemp(prefix="again-", dir=workdir)),
        report=_forget,
        validation=rows.validation,
        classes=rows.classes,
        device=training_device(spec),
        robust=_mapping(made.get("robust")),
    )
    try:
        model = train_again(spec, rows.train, context, _mapping(made.get("parameters")))
    except Exception as error:  # user code may raise anything
        raise SpecError(f"{spec.train.model}: could not be trained anew, {type(error).__name__}: {error}") from error
    return cast(GradientModel, model)


def _forget(metrics: Mapping[str, float], checkpoint: Path | None) -> None:
    if checkpoint is not None:
        shutil.rmtree(checkpoint, ignore_errors=True)


def _module(model: GradientModel) -> "torch.nn.Module":
    return cast("torch.nn.Module", model.module_function())


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _save(model: GradientModel, facts: JsonObject, spec: PipelineSpec, bench: Workbench) -> Subject:
    folder = Path(tempfile.mkdtemp(prefix="candidate-", dir=bench.workdir))
    model.save_function(folder)
    return save_bundle(spec.name, "candidate", folder, bench.store, facts=facts)


def _row_ids_parquet(rows: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"row_id": list(rows.row_ids), "label": rows.labels}), sink)
    return sink.getvalue()


def _found_check(finding: BackdoorFinding) -> Check:
    worst = finding.planted[0]
    return Check("backdoor found again", Verdict.PASSED, _words(worst), worst.score, worst.bound)


def _left_out_check(lying: "NDArray[np.bool_]", rows: _Doubtful) -> Check:
    words = f"{lying.sum()} of {len(rows)} training rows carry it and were left out"
    return Check("rows left out", Verdict.PASSED, words, float(lying.sum()))


def _gone_check(fresh: BackdoorFinding) -> Check:
    name = "backdoor gone"
    if fresh.problem:
        return Check(name, Verdict.NOT_CHECKED, f"not searched anew: {fresh.problem}")
    if fresh.planted:
        worst = fresh.planted[0]
        return Check(name, Verdict.FAILED, f"still there: {_words(worst)}", worst.score, worst.bound)
    nearest = min(fresh.classes, key=lambda one: one.score)
    return Check(name, Verdict.PASSED, f"nearest is {_words(nearest)}", nearest.score, nearest.bound)


def _words(suspect: Suspect) -> str:
    source = "any row" if suspect.aim.source is None else f"rows of class {suspect.aim.source}"
    return (
        f"class {suspect.aim.target} from {source}, score {suspect.score:.2f}, at most {suspect.bound:.2f} is planted"
        f"{suspect.excuse}"
    )


def _entry(suspect: Suspect) -> JsonObject:
    return {"class": suspect.aim.target, "source": suspect.aim.source, "score": suspect.score, "bound": suspect.bound}


def _facts(
    spec: PipelineSpec, made: JsonObject, rows: TrainingRows, model: TrainableModel, cleaning: JsonObject
) -> dict[str, Json]:
    """What every training states, and `cleaning`."""
    right = float((model.predict_function(rows.validation.inputs).argmax(1) == rows.validation.labels).mean())
    told = {key: made.get(key) for key in ("index", "seed", "parameters")}
    return {
        "executor": spec.train.executor,
        "model": spec.train.model,
        "robust": made.get("robust"),
        "rows": {"train": len(rows.train), "validation": len(rows.validation)},
        "classes": rows.classes,
        "best": {**told, "ended": "final", "metrics": {"accuracy": right}, "error": ""},
        "stopped_by": "finished",
        "cleaning": cleaning,
    }


def _report(
    request: StepRequest, checks: tuple[Check, ...], candidate: Subject | None, facts: dict[str, Json]
) -> StepReport:
    return StepReport(
        step=Step.TRAIN,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        products={} if candidate is None else {"candidate": candidate},
        inputs={
            "train": request.input("train"),
            "holdout": request.input("holdout"),
            "cleaned_from": request.input("candidate"),
        },
        checks=checks,
        facts=facts,
    )
