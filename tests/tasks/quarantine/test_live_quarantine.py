"""A model that serves while something it was made of is declared bad, on real MLflow and Triton."""

import json
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

import assay
from assay.cli import cli
from assay.errors import EngineUnavailable, PolicyViolation
from assay.triton.client import open_client
from assay.workbench import Workbench
from tasks.deploy_model import deploy_model
from tasks.register_model import register_model
from tasks.rollback_model import rollback_model
from tests.mlflow_server import mlflow_url  # noqa: F401 - a fixture
from tests.tasks.test_deploy_model import ROWS, as_user, promote, served  # noqa: F401 - fixtures too
from tests.triton_server import triton  # noqa: F401 - a fixture

pytestmark = [pytest.mark.engines, pytest.mark.usefixtures("as_user")]

SPEC = """
name: {name}
data:
  collector: {{sources: [{{source: path, path: rows}}]}}
  loader: tests.tasks.promotion_story:TwoFeatures
train: {{model: models.two:Two}}
gate: [{{metric: accuracy, min: 0.5}}]
deploy: {{on_quarantine: {wish}}}
"""


def declare(reference: str, *more: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, ["quarantine", reference, "--reason", "bought labels", "--json", *more])
    assert result.exit_code == 0, result.output
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


def write_spec(bench: Workbench, name: str, wish: str) -> None:
    folder = Path(bench.settings.pipelines)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(SPEC.format(name=name, wish=wish))


def test_a_live_model_is_listed_and_not_loaded_again_until_released(served: Workbench) -> None:  # noqa: F811
    write_spec(served, "tainted", "report")
    story, _ = promote(served, "tainted", 0.0)
    answer = declare("row/tainted/row-7")
    (live,) = cast("list[dict[str, str]]", answer["live"])
    assert (live["name"], live["version"]) == ("tainted", "1")
    assert live["command"].startswith("assay cut-out tainted --reason")
    client = open_client(served.settings)
    assert client.infer("tainted", ROWS).version == 1, "a report alone cuts nothing out"

    for station in (register_model, deploy_model, rollback_model):
        with pytest.raises(PolicyViolation, match="bought labels"):
            story.run(station, **({"to": 1} if station is rollback_model else {}))
    with pytest.raises(PolicyViolation, match="bought labels"):
        assay.load_model("tainted")
    client.unload("tainted")
    with pytest.raises(EngineUnavailable, match="bought labels"):
        client.load("tainted")
    assert "bought labels" in client.unserved(["tainted"])["tainted"]

    declare("row/tainted/row-7", "--release")
    client.load("tainted")
    assert not client.unserved(["tainted"])
    assert client.infer("tainted", ROWS).version == 1
    assert assay.load_model("tainted").predict(ROWS).label is not None


def test_a_spec_may_have_it_cut_out_at_once(served: Workbench) -> None:  # noqa: F811
    write_spec(served, "swift", "cut_out")
    promote(served, "swift", 0.0)
    answer = declare("row/swift/row-7")
    assert answer["reactions"] == [{"name": "swift", "done": "cut out", "problem": ""}]
    assert open_client(served.settings).ready_versions("swift") == []
    cut = next(iter(served.ledger.find(pipeline="swift", limit=1)))
    assert cut.report.facts["reason"] == "row/swift/row-7 is in quarantine"


def test_what_is_concerned_is_told_before_anything_is_done_about_it(served: Workbench) -> None:  # noqa: F811
    write_spec(served, "brisk", "cut_out")
    promote(served, "brisk", 0.0)
    result = CliRunner().invoke(cli, ["quarantine", "row/brisk/row-7", "--reason", "bought labels"])
    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    (live,) = (place for place, line in enumerate(told) if line.startswith("live: brisk version 1 since "))
    assert told[live + 1 :] == ["brisk: cut out"]
    assert any("model/brisk" in line for line in told[:live])
