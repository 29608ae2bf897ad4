"""Quarantine is reversible by a person's signed word, for the row as it was, and that word can be taken back."""

import contextlib
import getpass
import json
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.datasets import load_digits

from assay.cli import cli
from assay.dataset import DatasetVersion, Shard, load_dataset, save_dataset
from assay.digests import canonical_json
from assay.errors import IntegrityError, SpecError
from assay.ledger_verification import verify_ledger
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.signing import KeyRole
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.release_rows import release_rows
from tasks.screen_dataset import screen_dataset
from tasks.screening.releases import releases_in_force

SPEC = {
    "name": "set",
    "data": {
        "collector": {"sources": [{"source": "path", "path": "x"}], "kind": "image"},
        "screen": {"detectors": ["duplicates"]},
    },
    "train": {"model": "models.set:Set"},
}


def save(bench: Workbench, labels: dict[int, int] | None = None) -> Subject:
    """Digits whose rows 10 to 14 are copies of rows 0 to 4."""
    data = load_digits()
    images, targets = data.images[:200].astype(np.uint8), data.target[:200].astype(np.int64)
    images[10:15], targets[10:15] = images[:5], targets[:5]
    for row, label in (labels or {}).items():
        targets[row] = label
    pixels = pa.array(images.tolist(), pa.list_(pa.list_(pa.uint8())))
    table = pa.table({"row_id": [f"r{row}" for row in range(200)], "image": pixels, "label": targets})
    path = bench.workdir / "rows.parquet"
    pq.write_table(table, path)
    shard = Shard(path.name, bench.store.put_file(path), path.stat().st_size, 200)
    types = {field.name: str(field.type) for field in table.schema}
    return save_dataset(DatasetVersion("set", "image", "label", types, (shard,), (), "column row_id"), bench.store)


def screen(bench: Workbench, raw: Subject, run: str = "run") -> StepReport:
    spec = PipelineSpec.model_validate(SPEC)
    return run_station(screen_dataset, StepRequest(spec, RunContext(run_id=run), {"raw": raw}), bench)


def release(
    bench: Workbench, *rows: str, reason: str = "a true twin", revoked: bool = False, run: str = ""
) -> StepReport:
    context = RunContext(run_id=run or f"release {rows} {revoked}", trigger="manual", actor="ann")
    parameters = {"rows": list(rows), "reason": reason, "revoked": revoked}
    return run_station(release_rows, StepRequest(PipelineSpec.model_validate(SPEC), context, {}, parameters), bench)


def table(bench: Workbench, report: StepReport, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(bench.store.read(str(report.facts[name])))).to_pylist()
    return found


def kept_out(bench: Workbench, report: StepReport) -> set[str]:
    return {line["row_id"] for line in table(bench, report, "quarantine")}


def test_released_rows_are_admitted_by_the_next_screen_and_shown(bench: Workbench) -> None:
    raw = save(bench)
    before = screen(bench, raw)
    assert kept_out(bench, before) == {"r10", "r11", "r12", "r13", "r14"}
    release(bench, "r10", "r12")
    after = screen(bench, raw, "next")
    assert after.verdict is Verdict.PASSED
    assert kept_out(bench, after) == {"r11", "r13", "r14"}
    assert load_dataset(after.products["admitted"], bench.store).rows == 197
    lines = {line["row_id"]: line for line in table(bench, after, "suspects")}
    assert (lines["r10"]["released"], lines["r10"]["quarantined"]) == (True, False)
    assert (lines["r11"]["released"], lines["r11"]["quarantined"]) == (False, True)
    assert after.facts["released"] == 2
    assert [(one["row_id"], one["reason"], one["by"]) for one in after.facts["releases"]] == [
        ("r10", "a true twin", "ann"),
        ("r12", "a true twin", "ann"),
    ]
    assert "2 rows released by ann" in {check.name: check.detail for check in after.checks}["releases"]
    page = bench.store.read(str(after.facts["report"])).decode()
    assert page.count("released by a person") == 2


def test_release_is_signed_by_an_approver_with_reason_name_and_version(bench: Workbench) -> None:
    raw = save(bench)
    screened = screen(bench, raw)
    release(bench, "r10")
    (entry,) = bench.ledger.find(step=Step.RELEASE, pipeline="set")
    (judged,) = bench.ledger.find(step=Step.SCREEN, pipeline="set")
    assert entry.role is KeyRole.APPROVER
    assert (entry.context.actor, entry.report.facts["reason"]) == ("ann", "a true twin")
    assert entry.report.inputs["raw"] == raw and entry.report.facts["screen"] == judged.sha256
    assert screened.facts["quarantine"]
    assert entry in bench.ledger.find(subject_sha256=raw.sha256)


def test_statement_signed_by_another_role_releases_nothing(bench: Workbench) -> None:
    screen(bench, save(bench))
    release(bench, "r10")
    (entry,) = bench.ledger.find(step=Step.RELEASE)
    forged = bench.keys.sign(canonical_json(entry.statement), KeyRole.PRODUCER)
    with pytest.raises(IntegrityError, match="needs a approver key, found a producer key"):
        bench.ledger.append(forged)


def test_revoked_release_is_judged_again(bench: Workbench) -> None:
    raw = save(bench)
    screen(bench, raw)
    release(bench, "r10", "r11")
    release(bench, "r10", reason="no twin after all", revoked=True)
    assert set(releases_in_force(bench.ledger, "set")) == {"r11"}
    assert "r10" in kept_out(bench, screen(bench, raw, "next"))
    release(bench, "r10", run="once more")
    assert "r10" not in kept_out(bench, screen(bench, raw, "last"))


def test_release_is_void_for_a_row_that_changed_under_its_id(bench: Workbench) -> None:
    screen(bench, save(bench))
    release(bench, "r10", "r11")
    changed = save(bench, labels={10: 9})
    after = screen(bench, changed, "next")
    assert "r10" in kept_out(bench, after) and "r11" not in kept_out(bench, after)
    assert (after.facts["released"], after.facts["void_releases"]) == (1, 1)
    assert "1 releases are void" in {check.name: check.detail for check in after.checks}["releases"]


def test_release_in_one_pipeline_says_nothing_of_another(bench: Workbench) -> None:
    screen(bench, save(bench))
    release(bench, "r10")
    assert releases_in_force(bench.ledger, "other") == {}


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (("r10",), {"reason": " "}, "expected a reason, found none"),
        ((), {}, "expected ids of rows, found none"),
        (("r0",), {}, 'expected rows in quarantine, found "r0"'),
        (("r100",), {}, "did you mean 'r10'"),
        (("r10",), {"revoked": True}, 'expected released rows, found "r10"'),
    ],
)
def test_wrong_release_is_refused_and_leaves_no_trace(
    bench: Workbench, rows: tuple[str, ...], options: dict[str, Any], words: str
) -> None:
    screen(bench, save(bench))
    with pytest.raises(SpecError, match=words):
        release(bench, *rows, **options)
    assert bench.ledger.find(step=Step.RELEASE) == []


def test_release_before_any_screen_is_refused(bench: Workbench) -> None:
    with pytest.raises(SpecError, match="expected a screen in the ledger, found none"):
        release(bench, "r10")


@pytest.fixture
def as_user(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bench's settings in the environment, as a person's shell has them, and the spec in its folder."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "set.yaml").write_text(yaml.safe_dump(SPEC))
    monkeypatch.setenv("ASSAY_HOME", str(bench.settings.home))
    monkeypatch.setenv("ASSAY_PIPELINES", str(specs))
    monkeypatch.setenv("ASSAY_KEYS", str(bench.settings.keys))
    monkeypatch.setenv("ASSAY_STORE_URL", bench.settings.store_url)
    monkeypatch.setenv("ASSAY_DATABASE_URL", bench.settings.database_url.get_secret_value())
    return specs


def command(*words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["screen", *words])


@pytest.mark.usefixtures("as_user")
def test_command_releases_and_revokes_in_the_persons_name(bench: Workbench) -> None:
    raw = save(bench)
    screen(bench, raw)
    done = command("--release", "r10", "r11", "--reason", "twins", "--pipeline", "set", "--json")
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout) == {"pipeline": "set", "released": ["r10", "r11"], "reason": "twins"}
    assert {one.by for one in releases_in_force(bench.ledger, "set").values()} == {getpass.getuser()}
    assert kept_out(bench, screen(bench, raw, "next")) == {"r12", "r13", "r14"}
    back = command("--revoke", "r10", "--reason", "mistaken", "--pipeline", "set")
    assert "1 rows taken back into judgement: mistaken" in back.stdout
    assert set(releases_in_force(bench.ledger, "set")) == {"r11"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--release", "r10", "--reason", "x"), "expected --pipeline NAME"),
        (("--release", "r10", "--revoke", "r10", "--reason", "x", "--pipeline", "set"), "--release or --revoke alone"),
        (("--release", "r10", "--out", "x"), "without --out"),
        ((), "expected one DATASET and --out DIR"),
    ],
)
def test_misused_release_is_one_clear_error(words: tuple[str, ...], message: str) -> None:
    result = command(*words)
    assert isinstance(result.exception, SpecError) and message in str(result.exception)


def test_release_leaves_lineage_and_audit_whole(bench: Workbench) -> None:
    screen(bench, save(bench))
    release(bench, "r10")
    assert verify_ledger(bench.ledger, bench.keys).ok
    with contextlib.closing(LineageStore.open(bench.settings)) as lineage:
        assert sync_from_ledger(bench.ledger, lineage) == 2
