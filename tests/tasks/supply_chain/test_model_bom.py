"""The bill of a model says what signed statements say, and names what nobody looked at."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from assay.bundle import ONNX_FILE, load_bundle
from assay.digests import canonical_json
from assay.errors import AssayError, IntegrityError, SpecError
from assay.records import Step, Verdict
from assay.registry import RegisteredVersion
from assay.workbench import Workbench
from tasks.supply_chain.cyclonedx import validate
from tasks.supply_chain.environment_bom import environment_bom
from tasks.supply_chain.model_bom import model_bom
from tasks.supply_chain.model_evidence import ModelEvidence, gather_evidence
from tasks.supply_chain.packages import installed_packages
from tests.tasks.promotion_story import Story, make_spec


class Shelf:
    """A registry of one model, two aliases and whatever digest its tags claim."""

    def __init__(self, name: str, sha256: str, onnx_sha256: str) -> None:
        self.version = RegisteredVersion(name, 3, sha256, onnx_sha256, "nowhere")

    def alias(self, name: str, alias: str) -> int | None:
        return 3 if (name, alias) == (self.version.name, "challenger") else None

    def get(self, name: str, version: int) -> RegisteredVersion:
        if (name, version) != (self.version.name, 3):
            raise SpecError(f"models:/{name}/{version}: not in the registry")
        return self.version


@pytest.fixture(scope="module")
def running() -> Any:
    return environment_bom(installed_packages(), None)


def gather(bench: Workbench, story: Story, reference: str = "two") -> ModelEvidence:
    shelf: Any = Shelf("two", story.subjects["model"].sha256, onnx_sha256(bench, story))
    return gather_evidence(reference, bench.ledger, bench.store, lambda: shelf)


def onnx_sha256(bench: Workbench, story: Story) -> str:
    return load_bundle(story.subjects["model"], bench.store).file(ONNX_FILE).sha256


def told(bench: Workbench, **facts: Any) -> Story:
    story = Story(bench, make_spec())
    story.facts = facts
    return story.tell()


def test_model_is_named_by_the_digest_of_its_file_and_its_data(bench: Workbench, running: Any) -> None:
    story = told(bench)
    bom: Any = model_bom(gather(bench, story), running)
    model = bom["metadata"]["component"]
    assert model["type"] == "machine-learning-model" and model["version"] == "3"
    assert model["hashes"] == [{"alg": "SHA-256", "content": onnx_sha256(bench, story)}]
    assert model["components"][0]["name"] == ONNX_FILE
    assert model["pedigree"]["ancestors"][0]["bom-ref"].endswith(story.subjects["candidate"].sha256)
    data = {one["name"]: one["hashes"][0]["content"] for one in bom["components"] if one["type"] == "data"}
    roles = {"two": "raw", **{f"two.{role}": role for role in ("admitted", "train", "holdout", "recent")}}
    assert data == {name: story.subjects[role].sha256 for name, role in roles.items()}
    needs = next(one["dependsOn"] for one in bom["dependencies"] if one["ref"] == model["bom-ref"])
    assert len(needs) == 6 and "environment" in needs


def test_card_repeats_the_statement_of_the_assay(bench: Workbench, running: Any) -> None:
    story = told(
        bench,
        fairness={"sex": {"measures": {"selection_rate_ratio": {"value": 0.5, "lowest": "F 0.2", "highest": "M 0.4"}}}},
    )
    evidence = gather(bench, story)
    bom: Any = model_bom(evidence, running)
    card = bom["metadata"]["component"]["modelCard"]
    facts: Any = evidence.facts(Step.ASSAY)
    metrics = {
        one["type"]: one["value"]
        for one in card["quantitativeAnalysis"]["performanceMetrics"]
        if one["slice"] == "holdout"
    }
    assert metrics and metrics == {name: str(value) for name, value in facts["metrics"].items()}
    (fair,) = card["considerations"]["fairnessAssessments"]
    assert fair == {"groupAtRisk": "sex: F 0.2", "harms": "selection_rate_ratio 0.5; highest M 0.4"}


def test_what_was_not_looked_at_is_a_limitation(bench: Workbench, running: Any) -> None:
    story = Story(bench, make_spec())
    story.skip, story.verdicts = {Step.VALIDATE}, {Step.ASSAY: Verdict.NOT_CHECKED, Step.SCREEN: Verdict.FAILED}
    story.facts = {"not_examined": {"evasion": "what a small change of an input does"}}
    bom: Any = model_bom(gather(bench, story.tell()), running)
    said = bom["metadata"]["component"]["modelCard"]["considerations"]["technicalLimitations"]
    assert "evasion was not examined: what a small change of an input does" in said
    assert "validate: no statement in the ledger leads there" in said
    assert any(one.startswith("assay: story was not checked") for one in said)
    assert any(one.startswith("screen: story failed") for one in said)
    assert any("not those the model was examined with" in one for one in said)


def test_environment_is_the_one_the_assay_put_away(bench: Workbench, running: Any) -> None:
    other = deepcopy(dict(running))
    other["components"] = [one for one in other["components"] if one["name"] != "click"]
    other["dependencies"] = [
        {"ref": one["ref"], "dependsOn": [ref for ref in one["dependsOn"] if "/click@" not in ref]}
        for one in other["dependencies"]
        if "/click@" not in one["ref"]
    ]
    story = told(bench, supply_chain={"sbom": bench.store.put_bytes(canonical_json(other))})
    bom: Any = model_bom(gather(bench, story), running)
    names = {one["name"] for one in bom["components"]}
    assert "numpy" in names and "click" not in names


def test_same_statements_give_the_same_bytes_and_their_time(bench: Workbench, running: Any) -> None:
    story = told(bench)
    first: Any = model_bom(gather(bench, story), running)
    assert canonical_json(first) == canonical_json(model_bom(gather(bench, story), running))
    at = datetime.fromisoformat(first["metadata"]["timestamp"])
    assert at == bench.ledger.find(step=Step.ASSAY)[0].at < datetime.now(UTC)


@pytest.mark.parametrize("form", ["two", "two:3", "two@challenger", "model/two", "{model}", "{onnx}"])
def test_model_is_found_by_name_version_alias_and_digest(bench: Workbench, form: str) -> None:
    story = Story(bench, make_spec())
    exported = onnx_sha256(bench, story)
    story.skip = {Step.EXPORT}
    story.tell()
    story.skip = set()
    story._say(Step.EXPORT, read=("candidate", "holdout"), made=("model",), facts={"onnx_sha256": exported})
    reference = form.format(model=story.subjects["model"].sha256, onnx=exported)
    assert gather(bench, story, reference).model == story.subjects["model"]


@pytest.mark.parametrize("reference", ["two@champion", "two:9", "two:x", "other", "f" * 64])
def test_unknown_model_is_bad_input(bench: Workbench, reference: str) -> None:
    story = told(bench)
    with pytest.raises(SpecError):
        gather(bench, story, reference)


@pytest.mark.parametrize(("name", "digest"), [("three", ""), ("two", "0" * 64)])
def test_tag_that_the_ledger_does_not_bear_out_is_refused(bench: Workbench, name: str, digest: str) -> None:
    story = told(bench)
    shelf: Any = Shelf(name, story.subjects["model"].sha256, digest or onnx_sha256(bench, story))
    with pytest.raises(IntegrityError, match="open an incident"):
        gather_evidence(name, bench.ledger, bench.store, lambda: shelf)


def test_bogus_key_is_not_valid(running: Any) -> None:
    validate(running)
    bogus = json.loads(canonical_json(running))
    bogus["components"][0]["colour"] = "red"
    with pytest.raises(AssayError, match="colour"):
        validate(bogus)
