"""From the gate to a served answer and back, on real PostgreSQL, MLflow and Triton."""

import contextlib
import getpass
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

import assay
from assay.bundle import ONNX_FILE, load_bundle
from assay.cli import cli
from assay.decision import serving_now
from assay.errors import IntegrityError, PolicyViolation, SpecError
from assay.ledger import Ledger
from assay.records import Step, StepReport, Verdict
from assay.registry import CHALLENGER, CHAMPION, open_registry
from assay.settings import Settings
from assay.triton.client import open_client
from assay.triton.switch import Switch
from assay.workbench import Workbench
from tasks.cut_out_model import cut_out_model
from tasks.decide_promotion import decide_promotion
from tasks.deploy_model import deploy_model
from tasks.register_model import register_model
from tasks.rollback_model import rollback_model
from tests.mlflow_server import mlflow_url  # noqa: F401 - a fixture
from tests.tasks.promotion_story import Story, make_spec
from tests.triton_server import triton, write_onnx  # noqa: F401 - `triton` is a fixture

pytestmark = pytest.mark.engines
ROWS = np.array([[0.1, 0.2], [-1.0, 0.3], [2.0, 2.0]], dtype=np.float32)


@pytest.fixture
def served(bench: Workbench, triton: Settings, mlflow_url: str) -> Iterator[Workbench]:  # noqa: F811
    """A workbench with a server and a registry; what was served is gone after the test."""
    settings = bench.settings.model_copy(
        update={
            "mlflow_url": mlflow_url,
            "triton_http_url": triton.triton_http_url,
            "triton_admin_header": triton.triton_admin_header,
            "triton_repository": triton.triton_repository,
        }
    )
    with contextlib.closing(Ledger.open(settings)) as ledger:
        yield replace(bench, settings=settings, ledger=ledger)


@pytest.fixture
def as_user(served: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of someone who calls `assay.load_model` or a command."""
    for name, value in served.settings.model_dump().items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        monkeypatch.setenv(f"ASSAY_{name.upper()}", text)
    monkeypatch.chdir(tmp_path)


def promote(bench: Workbench, name: str, shift: float) -> tuple[Story, StepReport]:
    story = Story(bench, make_spec(name), shift).tell()
    for station in (decide_promotion, register_model):
        assert story.run(station).verdict is Verdict.PASSED
    return story, story.run(deploy_model)


@pytest.mark.usefixtures("as_user")
def test_approved_models_are_served_loaded_rolled_back_and_cut_out_with_evidence(served: Workbench) -> None:
    first, report = promote(served, "whole", 0.0)
    assert (report.facts["from"], report.facts["to"]) == (None, 1)
    second, report = promote(served, "whole", 0.2)
    assert (report.facts["from"], report.facts["to"]) == (1, 2)
    client, registry = open_client(served.settings), open_registry(served.settings)
    assert registry.alias("whole", CHAMPION) == 2
    assert registry.alias("whole", CHALLENGER) is None
    answer = client.infer("whole", ROWS)
    local = assay.load_model("whole").predict(ROWS)
    assert answer.version == 2
    np.testing.assert_array_equal(answer.predictions.label, local.label)
    np.testing.assert_allclose(answer.predictions.probabilities, local.probabilities, atol=1e-5)

    back = second.run(rollback_model)
    assert (back.facts["from"], back.facts["to"]) == (2, 1)
    assert client.infer("whole", ROWS).version == registry.alias("whole", CHAMPION) == 1
    np.testing.assert_array_equal(assay.load_model("whole").predict(ROWS).label, first.onnx.predict(ROWS).label)
    with pytest.raises(SpecError, match="expected an earlier version"):
        second.run(rollback_model)

    assert second.run(rollback_model, to=2).facts["to"] == 2
    out = second.run(cut_out_model, reason="answers nonsense")
    assert (out.facts["from"], out.facts["to"]) == (2, None)
    assert client.ready_versions("whole") == []
    assert registry.alias("whole", CHAMPION) is None
    assert serving_now(served.ledger, "whole") is None
    steps = [entry.report.step for entry in served.ledger.find(pipeline="whole", limit=5)]
    assert steps == [Step.CUT_OUT, Step.ROLLBACK, Step.ROLLBACK, Step.DEPLOY, Step.REGISTER]


def test_model_the_gate_refused_is_neither_registered_nor_deployed(served: Workbench) -> None:
    story = Story(served, make_spec("refused", gate=[{"metric": "accuracy", "min": 1.1}])).tell()
    assert story.run(decide_promotion).verdict is Verdict.FAILED
    for station in (register_model, deploy_model):
        with pytest.raises(PolicyViolation, match="demanded ≥ 1"):
            story.run(station)
    assert open_registry(served.settings).find("refused", story.subjects["model"].sha256) is None


def test_model_without_the_approval_its_spec_demands_is_not_registered(served: Workbench) -> None:
    story = Story(served, make_spec("people", approval={"approvers": ["ada"]})).tell()
    assert story.run(decide_promotion).verdict is Verdict.PASSED
    with pytest.raises(PolicyViolation, match="expected approval by 1 of ada, found approved by nobody"):
        story.run(register_model)


@pytest.mark.usefixtures("as_user")
def test_flipped_byte_in_the_registered_model_stops_deployment_and_loading(
    served: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    story, _ = promote(served, "flipped", 0.0)
    sha256 = load_bundle(story.subjects["model"], served.store).file(ONNX_FILE).sha256
    for path in Path(tmp_path_factory.getbasetemp()).glob(f"mlflow*/artifacts/**/{ONNX_FILE}"):
        if path.read_bytes() == served.store.read(sha256):
            path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    story.context = replace(story.context, run_id="again")
    with pytest.raises(IntegrityError, match="models:/flipped/1"):
        story.run(deploy_model)
    with pytest.raises(IntegrityError, match="models:/flipped/1"):
        assay.load_model("flipped")
    assert open_client(served.settings).infer("flipped", ROWS).version == 1


def test_a_version_that_an_older_assay_deployed_is_rolled_back_to(
    served: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Server code changes with Assay; what an earlier deployment signed for gives way to the present code."""
    from assay.triton import repository

    present = repository._CODE
    older = tmp_path / "served_model.py"
    older.write_text(present.read_text() + "# an older release\n")
    with monkeypatch.context() as patch:
        patch.setattr(repository, "_CODE", older)
        promote(served, "aged", 0.0)
    story, _ = promote(served, "aged", 0.2)
    assert story.run(rollback_model).facts["to"] == 1
    code = Switch(served.settings).repository.onnx_path("aged", 1).with_name("model.py")
    assert code.read_bytes() == present.read_bytes()
    code.write_text("import os\n")
    with pytest.raises(IntegrityError, match=r"model\.py: approved sha256"):
        story.run(rollback_model, to=1)


def test_flipped_byte_in_the_served_file_stops_rollback_and_is_named(served: Workbench) -> None:
    promote(served, "shelf", 0.0)
    story, _ = promote(served, "shelf", 0.2)
    path = Switch(served.settings).repository.onnx_path("shelf", 1)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(IntegrityError, match=r"shelf version 1 \(model.onnx\)"):
        story.run(rollback_model)
    assert open_client(served.settings).infer("shelf", ROWS).version == 2


@pytest.mark.usefixtures("as_user")
def test_registry_that_claims_another_digest_is_not_believed(served: Workbench) -> None:
    import mlflow

    first, _ = promote(served, "claims", 0.0)
    promote(served, "claims", 0.2)
    client = mlflow.MlflowClient(served.settings.mlflow_url)
    client.set_model_version_tag("claims", "2", "assay.model_sha256", first.subjects["model"].sha256)
    with pytest.raises(IntegrityError, match="no signed statement"):
        assay.load_model("claims", version=2)


@pytest.mark.usefixtures("as_user")
def test_uploaded_model_is_registered_as_unassayed_and_nothing_loads_or_serves_it(
    served: Workbench, tmp_path: Path
) -> None:
    _write_spec(served.settings.pipelines, "upload")
    path = write_onnx(tmp_path / "theirs.onnx")
    version = assay.upload_model(path, "upload")
    assert open_registry(served.settings).alias("upload", CHAMPION) is None
    assert served.ledger.find(step=Step.REGISTER, pipeline="upload")[0].report.verdict is Verdict.NOT_CHECKED
    with pytest.raises(PolicyViolation, match="expected a passed gate statement"):
        assay.load_model("upload", version=version)
    with pytest.raises(PolicyViolation, match="expected a passed gate statement"):
        assay.serve_model("upload", version=version)
    with pytest.raises(SpecError, match="ONNX"):
        assay.upload_model(tmp_path / "model.pkl", "upload")


@pytest.mark.usefixtures("as_user")
def test_serve_model_puts_a_named_version_back_and_returns_its_url(served: Workbench) -> None:
    _write_spec(served.settings.pipelines, "named")
    promote(served, "named", 0.0)
    promote(served, "named", 0.2)
    url = assay.serve_model("named", version=1)
    assert url == f"{served.settings.triton_http_url}/v2/models/named"
    assert open_client(served.settings).infer("named", ROWS).version == 1


def _write_spec(folder: Path, name: str) -> None:
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(make_spec(name).model_dump(mode="json", exclude_unset=True)))


@pytest.mark.usefixtures("as_user")
def test_commands_roll_back_and_cut_out_and_say_how_long_it_took(served: Workbench) -> None:
    _write_spec(served.settings.pipelines, "night")
    promote(served, "night", 0.0)
    promote(served, "night", 0.2)
    back = _assay("rollback", "night", "--json")
    assert back.exit_code == 0, back.output
    assert json.loads(back.stdout).items() >= {"from": 2, "to": 1}.items()
    out = _assay("cut-out", "night", "--reason", "answers nonsense", "--json")
    assert json.loads(out.stdout).items() >= {"from": 1, "to": None}.items()
    newest = served.ledger.find(pipeline="night", limit=1)[0]
    assert (newest.report.facts["reason"], newest.context.actor) == ("answers nonsense", getpass.getuser())
    with pytest.raises(SpecError, match="expected a serving model"):
        _assay("cut-out", "night", "--reason", "again", catch=False)


def _assay(*arguments: str, catch: bool = True) -> Result:
    """The commands as the console script finds them."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=catch, standalone_mode=False)
