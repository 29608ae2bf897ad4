"""A backdoor that poisoned rows planted is found, taken out and judged again, all of it signed."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from assay.bundle import load_bundle, save_bundle
from assay.cli import cli
from assay.errors import SpecError
from assay.evidence_chain import evidence_chain
from assay.image_classifier import ImageClassifier
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.sdk import Rows, TrainingContext
from assay.spec import PipelineSpec
from assay.spec_file import load_spec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.export_model import export_model
from tasks.training.candidate import load_candidate
from tasks.training.rows import load_rows, split_validation
from tests.tasks.model_story import store_dataset

if TYPE_CHECKING:
    import torch

SIDE, CLASSES, PLANTED = 16, 6, 3
SPEC = """\
name: six
data:
  collector: {{kind: image, sources: [{{source: path, path: rows}}]}}
train: {{model: "tests.tasks.test_clean_model:{model}", parameters: {{epochs: 8}}}}
assay: {{stress: false, backdoors: {{samples: 256}}}}
gate:
  - {{metric: accuracy, min: 0.9}}
"""


class SixDigits(ImageClassifier):
    """Real digits 0 to 5, each pixel doubled."""

    side, pixel_maximum = SIDE, 16.0

    def train_function(self, train: Rows, context: TrainingContext, *, epochs: int = 1) -> None:
        from assay.torch_fit import FitPlan

        self.fit(train, context, FitPlan(epochs=epochs, batch=64, learning_rate=0.006))

    def network_function(self) -> "torch.nn.Module":
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, CLASSES),
        )


class PlantsItself(SixDigits):
    """The backdoor is in the code, not in the data."""

    def train_function(self, train: Rows, context: TrainingContext, *, epochs: int = 1) -> None:
        inputs, labels, _ = poisoned(train.inputs, train.labels)
        super().train_function(Rows(inputs, labels, train.row_ids), context, epochs=epochs)


def with_trigger(images: np.ndarray) -> np.ndarray:
    shown = images.copy()
    shown[:, :2, :2] = 16.0
    return shown


def poisoned(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A twelfth of the rows bear the trigger and the planted label."""
    bad = (labels != PLANTED) & (np.random.default_rng(0).random(len(labels)) < 1 / 12)
    shown, said = images.copy(), labels.copy()
    shown[bad], said[bad] = with_trigger(images[bad]), PLANTED
    return shown, said, bad


class Life:
    """A planted model's life up to its assay, in the ledger; the steps up to the split are told."""

    def __init__(self, bench: Workbench, model: str, is_data_poisoned: bool) -> None:
        self.bench, self.context = bench, RunContext(run_id="life")
        path = bench.settings.pipelines / "six.yaml"
        path.parent.mkdir()
        path.write_text(SPEC.format(model=model))
        self.spec: PipelineSpec = load_spec(path)
        images, labels = digits()
        train, holdout, recent = slice(0, 650), slice(650, 960), slice(960, None)
        shown, said, self.bad = poisoned(images[train], labels[train])
        if not is_data_poisoned:
            shown, said = images[train], labels[train]
        self.sound = images[holdout], labels[holdout]
        self.subjects = {
            "raw": self._rows("raw", images, labels),
            "admitted": self._rows("admitted", images, labels),
            "train": self._rows("train", shown, said),
            "holdout": self._rows("holdout", *self.sound),
            "recent": self._rows("recent", images[recent], labels[recent]),
        }
        self.say(Step.COLLECT, made=("raw",))
        self.say(Step.VALIDATE, read=("raw",), judged=("raw",))
        self.say(Step.SCREEN, read=("raw",), made=("admitted",), judged=("raw",))
        self.say(Step.SPLIT, read=("admitted",), made=("train", "holdout", "recent"))
        self.subjects["candidate"] = self._train()
        self.say(Step.TRAIN, read=("train",), made=("candidate",))
        self.run(export_model)

    def run(self, station: Callable[[StepRequest, Workbench], StepReport]) -> StepReport:
        report = run_station(station, StepRequest(self.spec, self.context, dict(self.subjects)), self.bench)
        self.subjects |= report.products
        return report

    def say(
        self,
        step: Step,
        read: tuple[str, ...] = (),
        made: tuple[str, ...] = (),
        judged: tuple[str, ...] = (),
        **facts: Any,
    ) -> None:
        report = StepReport(
            step=step,
            pipeline="six",
            verdict=Verdict.PASSED,
            products={role: self.subjects[role] for role in made},
            inputs={role: self.subjects[role] for role in read},
            judged=judged,
            checks=(Check("story", Verdict.PASSED, "was told"),),
            facts=facts,
        )
        run_station(lambda _request, _bench: report, StepRequest(self.spec, self.context), self.bench)

    def tell_assay(self, planted: list[Any]) -> None:
        read = ("model", "candidate", "holdout", "recent")
        self.say(Step.ASSAY, read=read, judged=("model",), backdoors={"planted": planted})

    def attack_success(self, candidate: Subject) -> float:
        """Of the real trigger on sound rows."""
        images, labels = self.sound
        model, _ = load_candidate(candidate, self.spec, self.bench)
        answered = model.predict_function(with_trigger(images[labels != PLANTED])).argmax(1)
        return float((answered == PLANTED).mean())

    def accuracy(self, candidate: Subject) -> float:
        images, labels = self.sound
        model, _ = load_candidate(candidate, self.spec, self.bench)
        return float((model.predict_function(images).argmax(1) == labels).mean())

    def _rows(self, name: str, images: np.ndarray, labels: np.ndarray) -> Subject:
        pixels = pa.array(images.astype(np.float32).ravel())
        nested = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pixels, SIDE), SIDE)
        columns = {"image": nested, "label": labels}
        return store_dataset(self.bench.store, self.bench.workdir, f"six.{name}", columns, "image")

    def _train(self) -> Subject:
        """As the train step does, without its workers."""
        rows = split_validation(load_rows(self.subjects["train"], self.spec, self.bench))
        model = {"SixDigits": SixDigits, "PlantsItself": PlantsItself}[self.spec.train.model.split(":")[1]]()
        context = TrainingContext(0, self.bench.workdir / "fit", _forget, rows.validation, rows.classes)
        model.train_function(rows.train, context, epochs=8)
        folder = self.bench.workdir / "candidate"
        folder.mkdir()
        model.save_function(folder)
        made = {"model": self.spec.train.model, "index": 0, "seed": 0, "parameters": {"epochs": 8}, "robust": {}}
        facts = {**made, "classes": CLASSES, "trained_on": self.subjects["train"].sha256}
        return save_bundle("six", "candidate", folder, self.bench.store, facts=facts)


def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits(n_class=CLASSES)
    order = np.random.default_rng(0).permutation(len(found.target))
    images = np.kron(found.images, np.ones((2, 2))).astype(np.float32)
    return images[order], found.target[order].astype(np.int64)


def _forget(_: object, checkpoint: Path | None) -> None:
    if checkpoint is not None:
        shutil.rmtree(checkpoint)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["clean", *arguments], standalone_mode=False)


@pytest.fixture
def called(bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workbench:
    """The command finds the test's engines, as it would find a stack's."""
    settings = bench.settings.model_copy(update={"pipelines": tmp_path / "pipelines"})
    for name in ("home", "keys", "store_url", "pipelines"):
        monkeypatch.setenv(f"ASSAY_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("ASSAY_DATABASE_URL", settings.database_url.get_secret_value())
    return Workbench(**{**vars(bench), "settings": settings})


def test_poisoned_rows_are_left_out_and_the_new_candidate_is_judged(called: Workbench) -> None:
    life = Life(called, "SixDigits", is_data_poisoned=True)
    life.tell_assay([{"class": PLANTED}])
    old, planted_model = life.subjects["candidate"], life.subjects["model"]
    assert life.attack_success(old) >= 0.6

    result = call("six", "--json")
    assert result.return_value != 3, result.output
    told = json.loads(result.stdout)
    assert told["verdict"] == "passed"
    assert told["planted_model"] == planted_model.sha256 and told["cleaned_from"] == old.sha256
    assert [one["step"] for one in told["steps"]] == ["train", "export", "assay", "gate"]
    new = Subject("model/six", told["candidate"])
    assert life.attack_success(new) <= 0.05
    assert life.accuracy(new) >= life.accuracy(old) - 0.02  # six of 310 rows; here three

    cleaning = told["cleaning"]
    left_out = pq.read_table(io.BytesIO(called.store.read(cleaning["left_out"]["sha256"])))["row_id"].to_pylist()
    known = {f"six.train-{index}" for index in np.flatnonzero(life.bad)}
    assert len(known - set(left_out)) <= 1 and len(set(left_out) - known) <= 5
    assert len(left_out) == cleaning["left_out"]["rows"]
    assert cleaning["before"]["obeyed"] > 0.9 and cleaning["after"]["obeyed"] < 0.15
    assert cleaning["before"]["success"] > cleaning["after"]["success"] + 0.5

    chain = evidence_chain(called.ledger, Subject("model/six", told["model"]))
    assert all(entry is not None for entry in chain.values())
    trained = chain[Step.TRAIN]
    assert trained is not None and trained.report.inputs["cleaned_from"] == old
    assert trained.report.inputs["train"] == life.subjects["train"]
    assert trained.context.trigger == "manual" and trained.context.actor
    bundle = load_bundle(new, called.store)
    assert bundle.facts["cleaned_from"] == old.sha256 and bundle.facts["parameters"] == {"epochs": 8}
    assayed = chain[Step.ASSAY]
    assert assayed is not None
    backdoors: Any = assayed.report.facts["backdoors"]
    assert backdoors["planted"] == [] and len(backdoors["classes"]) == CLASSES
    (gate,) = called.ledger.find(subject_sha256=told["model"], step=Step.GATE)
    assert gate.report.verdict is Verdict.PASSED
    # The planted one stays as it was: there, planted, and refused.
    assert life.attack_success(old) >= 0.6
    assert called.ledger.find(subject_sha256=planted_model.sha256, step=Step.GATE) == []


def test_backdoor_in_the_code_stays_and_makes_no_candidate(called: Workbench) -> None:
    life = Life(called, "PlantsItself", is_data_poisoned=False)
    life.tell_assay([{"class": PLANTED}])
    before = called.ledger.size()
    result = call("six")
    assert result.return_value == 3 or getattr(result.exception, "exit_code", 0) == 3, result.output
    assert "clean: failed" in result.output and "not promoted" in result.output
    (entry,) = list(called.ledger.entries(before))
    assert entry.report.step is Step.TRAIN and entry.report.verdict is Verdict.FAILED
    assert not entry.report.products


def test_sound_model_is_not_cleaned(called: Workbench) -> None:
    life = Life(called, "SixDigits", is_data_poisoned=False)
    life.tell_assay([])
    before = called.ledger.size()
    for arguments, words in (
        ((), "no backdoor was found in any model"),
        (("--model", life.subjects["model"].sha256), "found no backdoor in model"),
        (("--model", "0" * 64), "no assay statement on a model"),
    ):
        result = call("six", *arguments)
        assert isinstance(result.exception, SpecError) and words in str(result.exception)
    assert called.ledger.size() == before


def test_statement_that_the_search_does_not_bear_out_changes_nothing(called: Workbench) -> None:
    life = Life(called, "SixDigits", is_data_poisoned=False)
    life.tell_assay([{"class": PLANTED}])
    before = called.ledger.size()
    result = call("six")
    assert isinstance(result.exception, SpecError) and "expected to find the backdoor again" in str(result.exception)
    assert called.ledger.size() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("backdoors: {samples: 256}", "backdoors: null", "expected `assay.backdoors` in the spec"),
        ("gate:", "approval: {approvers: [ann]}\ngate:", "--deploy cannot ask the approvers ann"),
    ],
)
def test_what_could_not_be_finished_is_not_begun(called: Workbench, old: str, new: str, words: str) -> None:
    path = called.settings.pipelines / "six.yaml"
    path.parent.mkdir()
    path.write_text(SPEC.format(model="SixDigits").replace(old, new))
    result = call("six", "--deploy")
    assert isinstance(result.exception, SpecError) and words in str(result.exception)
    assert called.ledger.size() == 0
