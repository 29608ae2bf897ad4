"""A row that must go leaves every stored version and every later collection; every proof holds as before."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.approval import APPROVE
from assay.dataset import load_dataset, read_table
from assay.erasure import Erasures
from assay.errors import IntegrityError, SpecError
from assay.ledger_verification import verify_ledger
from assay.lineage.question import ask
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.lineage.walk import Direction
from assay.records import RunContext, Step, Subject
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.approve_promotion import Answer, binding_to_ask, judge_answer
from tasks.collect_dataset import collect_dataset
from tasks.decide_promotion import decide_promotion
from tasks.erase_rows import Erasure, erase_rows
from tasks.quarantine.quarantine import Quarantine
from tests.tasks.promotion_story import Story, make_spec

SECRET = "my name is Ada and I live in Ockham"


@pytest.fixture
def lineage(bench: Workbench) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(bench.settings)) as opened:
        yield opened


def context(run: str = "by hand") -> RunContext:
    return RunContext(run_id=run, trigger="manual", actor="ann")


def collect(bench: Workbench, folder: Path, run: str) -> Subject:
    spec = PipelineSpec.model_validate(
        {
            "name": "mail",
            "data": {"collector": {"sources": [{"source": "path", "path": str(folder)}], "reader": "parquet",
                                   "kind": "text", "row_id": "row_id"}},
            "train": {"model": "models.spam:SpamModel"},
        }
    )  # fmt: skip
    workdir = bench.workdir / run
    workdir.mkdir()
    return run_station(collect_dataset, StepRequest(spec, context(run)), replace(bench, workdir=workdir)).products[
        "raw"
    ]


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    folder = tmp_path / "mails"
    folder.mkdir()
    texts = [SECRET, *(f"offer number {index}" for index in range(50))]
    table = pa.table({"row_id": [f"m{i}" for i in range(51)], "text": texts, "label": [i % 2 for i in range(51)]})
    pq.write_table(table, folder / "mails.parquet")
    return folder


def everything_stored(bench: Workbench) -> bytes:
    root = Path(bench.settings.store_url.removeprefix("file://"))
    tables = []
    for path in root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            tables.append(data if data[:4] != b"PAR1" else str(pq.read_table(path).to_pylist()).encode())
    return b"".join(tables)


def test_a_row_goes_from_every_version_and_is_not_collected_again(
    bench: Workbench, lineage: LineageStore, mails: Path
) -> None:
    raw = collect(bench, mails, "one")
    sync_from_ledger(bench.ledger, lineage)
    assert SECRET.encode() in everything_stored(bench)
    found = erase_rows(Erasure("mail", frozenset({"m0"}), "request 7"), context(), bench, lineage)
    assert found.versions == (raw,)
    assert len(found.objects) == 1
    assert SECRET.encode() not in everything_stored(bench)
    left = Erasures.of(bench.ledger).load(raw, bench.store)
    assert read_table(left, bench.store, bench.workdir)["row_id"].to_pylist() == [f"m{i}" for i in range(1, 51)]
    again = collect(bench, mails, "two")
    assert load_dataset(again, bench.store).rows == 50
    assert SECRET.encode() not in everything_stored(bench)


def test_every_proof_holds_and_no_statement_ever_held_a_cell(
    bench: Workbench, lineage: LineageStore, mails: Path
) -> None:
    collect(bench, mails, "one")
    sync_from_ledger(bench.ledger, lineage)
    before = [entry.sha256 for entry in bench.ledger.entries()]
    erase_rows(Erasure("mail", frozenset({"m0"}), "request 7"), context(), bench, lineage)
    entries = list(bench.ledger.entries())
    assert [entry.sha256 for entry in entries[: len(before)]] == before
    assert verify_ledger(bench.ledger, bench.keys).broken == ()
    assert all(b"Ada" not in entry.envelope.payload for entry in entries)


def test_the_rest_of_the_dataset_can_still_be_asked_about(bench: Workbench, lineage: LineageStore) -> None:
    story = Story(bench, make_spec()).tell()
    sync_from_ledger(bench.ledger, lineage)
    erase_rows(Erasure("two", frozenset({"row-7"}), "request 8"), context(), bench, lineage)
    sync_from_ledger(bench.ledger, lineage)
    with pytest.raises(IntegrityError):
        read_table(load_dataset(story.subjects["train"], bench.store), bench.store, bench.workdir)
    said = Quarantine(bench, lineage, context("other")).declare("row/two/row-8", "bought")
    assert story.subjects["model"].sha256 in {node.digest for node in said.spread.nodes}


def test_an_erased_row_still_tells_which_models_had_learned_from_it(bench: Workbench, lineage: LineageStore) -> None:
    story = Story(bench, make_spec()).tell()
    sync_from_ledger(bench.ledger, lineage)
    erase_rows(Erasure("two", frozenset({"row-7"}), "request 8"), context(), bench, lineage)
    sync_from_ledger(bench.ledger, lineage)
    for row in ("row-7", "row-8"):
        walked = ask(lineage, bench.settings, Direction.DOWN, f"row/two/{row}")
        assert story.subjects["model"].sha256 in {node.id for node in walked.nodes}


def test_an_erasure_that_was_killed_is_finished_by_the_next(
    bench: Workbench, lineage: LineageStore, mails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(bench, mails, "one")
    sync_from_ledger(bench.ledger, lineage)
    with monkeypatch.context() as patch:
        patch.setattr(type(bench.store), "remove", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            erase_rows(Erasure("mail", frozenset({"m0"}), "request 7"), context(), bench, lineage)
    assert SECRET.encode() in everything_stored(bench)
    sync_from_ledger(bench.ledger, lineage)
    erase_rows(Erasure("mail", frozenset({"m1"}), "request 9"), context("later"), bench, lineage)
    assert SECRET.encode() not in everything_stored(bench)


def test_ids_that_no_version_holds_change_nothing(bench: Workbench, lineage: LineageStore, mails: Path) -> None:
    collect(bench, mails, "one")
    sync_from_ledger(bench.ledger, lineage)
    with pytest.raises(SpecError, match=r"found \['nobody'\] in none of its 1 versions; ids are .*, as 'm0'"):
        erase_rows(Erasure("mail", frozenset({"m0", "nobody"}), "request 7"), context(), bench, lineage)
    assert SECRET.encode() in everything_stored(bench)
    assert bench.ledger.find(step=Step.ERASE) == []


def test_bytes_that_another_dataset_rests_on_are_kept_and_named(bench: Workbench, lineage: LineageStore) -> None:
    Story(bench, make_spec("two")).tell()
    Story(bench, make_spec("twin")).tell()
    sync_from_ledger(bench.ledger, lineage)
    found = erase_rows(Erasure("two", frozenset({"row-7"}), "request 8"), context(), bench, lineage)
    assert {name.split(".")[0] for name in found.shared.values()} == {"dataset/twin"}
    assert found.objects == ()
    second = erase_rows(Erasure("twin", frozenset({"row-7"}), "request 8"), context("twin"), bench, lineage)
    assert len(second.objects) == 1


def test_what_another_dataset_collected_later_is_not_taken_for_the_rest_of_an_erasure(
    bench: Workbench, lineage: LineageStore
) -> None:
    Story(bench, make_spec("two")).tell()
    sync_from_ledger(bench.ledger, lineage)
    erase_rows(Erasure("two", frozenset({"row-7"}), "request 8"), context(), bench, lineage)
    twin = Story(bench, make_spec("twin")).tell()
    sync_from_ledger(bench.ledger, lineage)
    erase_rows(Erasure("two", frozenset({"row-8"}), "request 9"), context("later"), bench, lineage)
    version = load_dataset(twin.subjects["train"], bench.store)
    assert read_table(version, bench.store, bench.workdir).num_rows == 200


@pytest.mark.parametrize("dataset", ["two.train", "two.trusted"])
def test_rows_of_a_part_alone_are_not_erased_since_they_would_come_back(
    bench: Workbench, lineage: LineageStore, dataset: str
) -> None:
    Story(bench, make_spec("two")).tell()
    sync_from_ledger(bench.ledger, lineage)
    with pytest.raises(SpecError, match="expected the dataset as collected"):
        erase_rows(Erasure(dataset, frozenset({"row-7"}), "request 8"), context(), bench, lineage)


def test_the_trust_report_of_a_model_that_learned_from_a_row_goes_with_the_pages(
    bench: Workbench, lineage: LineageStore
) -> None:
    story = Story(bench, make_spec(approval={"approvers": ["alice"]})).tell()
    story.run(decide_promotion)
    bound, _ = binding_to_ask(story.request, bench)
    answer = Answer("alice", (APPROVE,), "seen", "")
    run_station(lambda q, b: judge_answer(q, b, answer, bound), story.request, bench)
    sync_from_ledger(bench.ledger, lineage)
    found = erase_rows(Erasure("two", frozenset({"row-7"}), "request 8", with_pages=True), context(), bench, lineage)
    assert bound.report in found.objects
    assert not bench.store.exists(bound.report)
