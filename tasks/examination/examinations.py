"""Which examinations there are, in the order they are made, and which of them a spec asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assay.json_types import Json
from assay.spec import AssaySpec, PipelineSpec
from tasks.examination.backdoors import examine_backdoors
from tasks.examination.calibration import examine_calibration
from tasks.examination.case import Examination, Examined, ModelCase
from tasks.examination.corruption import examine_corruption
from tasks.examination.explanations import examine_explanations
from tasks.examination.fairness import examine_columns
from tasks.examination.privacy import examine_privacy
from tasks.examination.slices import find_worst_slices
from tasks.examination.stress import examine_stress
from tasks.examination.supply_chain import examine_supply_chain
from tasks.examination.threats import examine_threats


@dataclass(frozen=True)
class _Entry:
    """asked: whether the spec names it. otherwise: what is not known when it is not made."""

    name: str
    examine: Examination
    asked: Callable[[AssaySpec], object]
    otherwise: str


def _explanations(case: ModelCase) -> Examined:
    """Beside the champion's, where one serves."""
    return examine_explanations(case, case.champion())


def _slices(case: ModelCase) -> Examined:
    """Where it errs more than elsewhere; found, not judged."""
    wrong = case.rows["holdout"].labels != case.predicted["holdout"]
    return Examined(find_worst_slices(case.columns, wrong).to_json(), ())


_ENTRIES = (
    _Entry("evasion", examine_threats, lambda spec: spec.threat_models, "what a small change of an input does"),
    _Entry("corruption", examine_corruption, lambda spec: spec.corruption, "what noise, blur and weather do to images"),
    _Entry("privacy", examine_privacy, lambda spec: spec.privacy, "what it gives away of its training rows and itself"),
    _Entry("backdoors", examine_backdoors, lambda spec: spec.backdoors, "whether a trigger was planted in it"),
    _Entry("explanations", _explanations, lambda spec: spec.explanations, "which inputs the answers rest on"),
    _Entry("fairness", examine_columns, lambda spec: spec.fairness, "whether groups of people fare alike"),
    _Entry("stress", examine_stress, lambda spec: spec.stress, "what odd, extreme and broken inputs do"),
    _Entry("calibration", examine_calibration, lambda _: True, ""),
    _Entry("slices", _slices, lambda _: True, ""),
    _Entry("supply_chain", examine_supply_chain, lambda _: True, ""),
)


def examinations(spec: PipelineSpec) -> tuple[Mapping[str, Examination], Json]:
    """Those that `spec` asks for, by name, and what stays unknown of the others: name -> words."""
    wanted = {entry.name: entry.examine for entry in _ENTRIES if entry.asked(spec.assay)}
    left_out: Json = {entry.name: entry.otherwise for entry in _ENTRIES if entry.name not in wanted}
    return wanted, left_out
