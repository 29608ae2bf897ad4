"""Every page over real statements: who sees what, what is told, and what is not shown as evidence when it is none."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assay.audit.proof_file import InclusionProof
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.records import RunContext, Step, Verdict
from assay.settings import Settings
from assay.signing import KeyRing
from assay.workbench import Workbench
from tasks.quarantine.quarantine import Quarantine
from tests.assay.page.conftest import Copy, Door
from tests.assay.page.page_story import newest, trust_report
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.reporting.page import read_page


def words(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return " ".join(read_page(answer.content).words.split())


def drawn(client: TestClient, path: str) -> dict[str, Any]:
    return read_page(client.get(path).content).data


def declare_bad(bench: Workbench, reference: str, reason: str = "bought labels") -> None:
    with contextlib.closing(LineageStore.open(bench.settings)) as lineage:
        sync_from_ledger(bench.ledger, lineage)
        by = RunContext(run_id=f"by hand {reference}", trigger="manual", actor="zoe")
        Quarantine(bench, lineage, by).declare(reference, reason)


class TestBoard:
    def test_what_failed_comes_first_and_says_why(self, client: TestClient, story: Story) -> None:
        told = words(client, "/")
        assert "2 pipelines: 0 live in quarantine, 1 failed" in told
        assert told.index("assay, gate failed in the newest run") < told.index("nothing to do", told.index("Serves"))
        assert "version 1 since" in told
        assert "approved by bob, gate" in told

    def test_an_alarm_on_a_version_that_serves_no_more_needs_nobody(self, client: TestClient, story: Story) -> None:
        assert "0 drifted" in words(client, "/")

    def test_filters_by_name_and_by_need(self, client: TestClient, story: Story) -> None:
        assert "1 of 2" in words(client, "/?q=FAI")
        assert "1 of 2" in words(client, "/?show=failed")
        assert "No pipeline fits." in words(client, "/?show=drift")

    def test_what_serves_and_was_made_of_something_bad_is_the_first_of_all(self, copy: Copy, story: Story) -> None:
        declare_bad(copy.bench, f"dataset/two@{story.subjects['raw'].sha256[:12]}")
        told = words(copy.client, "/")
        assert "1 live in quarantine" in told
        assert told.index("declared bad") < told.index("assay, gate failed")

    def test_a_verdict_changed_in_the_database_is_not_shown_as_passed(self, copy: Copy) -> None:
        assert "do not hold" not in words(copy.client, "/")
        gate = newest(copy.bench, Step.GATE, "fair")
        tamper(copy.bench, "UPDATE assay_ledger.entries SET verdict = 'passed' WHERE seq = %s", gate.seq)
        told = words(copy.client, "/")
        assert "1 statement does not hold" in told
        assert "gate: does not hold" in told

    def test_what_is_appended_shows_at_the_next_look(self, copy: Copy) -> None:
        assert "2 pipelines: 0 live in quarantine, 1 failed" in words(copy.client, "/")
        another = Story(copy.bench, make_spec("another"), 0.75)
        another.verdicts = {Step.ASSAY: Verdict.FAILED}
        another.tell()
        assert "3 pipelines: 0 live in quarantine, 2 failed" in words(copy.client, "/")

    def test_what_a_key_signed_that_is_trusted_no_more_does_not_hold(self, copy: Copy) -> None:
        assert "does not hold" not in words(copy.client, "/")
        (copy.bench.settings.keys / "gate.pub").unlink()
        pages = Door().pages(copy.bench.settings)
        assert words(TestClient(pages), "/").count("gate: does not hold") == 2
        pages.state.engines.close()

    def test_a_pipeline_that_one_may_not_read_is_not_there(self, client: TestClient, door: Door, story: Story) -> None:
        door.closed = {"fair"}
        told = words(client, "/")
        assert "1 pipeline:" in told
        assert "fair" not in told

    def test_before_the_first_run_it_says_what_to_do(self, settings: Settings, door: Door) -> None:
        app = door.pages(settings)
        assert "assay run NAME" in words(TestClient(app), "/", 404)
        app.state.engines.close()


class TestLineage:
    def test_draws_from_raw_to_window_what_the_table_tells(self, client: TestClient, story: Story) -> None:
        data = drawn(client, "/lineage?ref=model/two:1")
        stages = {node["stage"] for node in data["nodes"]}
        assert {"raw", "admitted", "train", "holdout", "candidate", "model", "deployment", "window"} <= stages
        assert all(edge["signed"] for edge in data["edges"])
        page = read_page(client.get("/lineage?ref=model/two:1").content)
        assert f"Versions ({len(data['nodes'])})" in page.words
        assert f"Edges ({len(data['edges'])})" in page.words
        assert len([a for a in page.all("a") if "data-node" in a]) == len(data["nodes"])

    def test_what_is_left_out_is_told(self, client: TestClient, story: Story) -> None:
        assert "Not everything is shown" in words(client, "/lineage?ref=model/two:1&limit=3")
        assert "Not everything is shown" not in words(client, "/lineage?ref=model/two:1")

    def test_bad_data_and_what_was_made_of_it_are_marked_in_words(self, copy: Copy, story: Story) -> None:
        declare_bad(copy.bench, story.subjects["admitted"].sha256)
        bad = {node["stage"]: node["bad"] for node in drawn(copy.client, "/lineage?ref=model/two:1")["nodes"]}
        assert bad["admitted"].startswith("in quarantine: ")
        assert "bought labels" in bad["admitted"]
        for stage in ("train", "candidate", "model", "deployment", "window"):
            assert bad[stage].startswith("made of what is in quarantine: "), stage
        assert not bad["raw"]
        assert not bad["user"]

    def test_a_version_of_another_team_has_neither_name_nor_digest(
        self, client: TestClient, door: Door, story: Story
    ) -> None:
        door.closed = {"two"}
        assert client.get("/lineage?ref=model/two:1").status_code == 403
        answer = client.get("/lineage?ref=user/ann&way=down")
        assert answer.status_code == 200
        assert "of a pipeline you may not read" in answer.text
        assert story.subjects["model"].sha256[:8] not in answer.text

    def test_the_panel_tells_each_check_escaped(self, client: TestClient, bench: Workbench) -> None:
        window = newest(bench, Step.WATCH).report.products["window"]
        answer = client.get(f"/version?id={window.sha256}&fragment=true")
        assert "feature a &lt;b&gt;moved&lt;/b&gt;" in answer.text
        assert "<html" not in answer.text

    @pytest.mark.parametrize("ref", ["nonsense", "model/absent", "deadbeef", "x" * 1001])
    def test_an_unknown_reference_is_a_page_that_says_so(self, client: TestClient, story: Story, ref: str) -> None:
        assert client.get(f"/lineage?ref={ref}").status_code in (400, 404)


class TestTimeline:
    def test_tells_who_approved_what_drifted_and_what_was_rolled_back(
        self, client: TestClient, bench: Workbench
    ) -> None:
        told = words(client, "/model/two")
        assert "Version 1 serves since" in told
        report = newest(bench, Step.REGISTER).report.facts["report"]
        assert f'href="/report/{report}"' in client.get("/model/two").text
        for said in ("was approved, by bob", "drift in drift.a", "Rolled back to version 1, by ann", "Registered as"):
            assert said in told
        assert told.index("Rolled back") < told.index("version 2 went into service") < told.index("version 1 went")

    def test_a_quarantine_and_its_author_are_events(self, copy: Copy) -> None:
        version = newest(copy.bench, Step.EXPORT).report.products["model"]  # of which nothing else was made
        declare_bad(copy.bench, version.sha256)
        assert "declared bad: bought labels, by zoe" in words(copy.client, "/model/two")
        assert "declared bad" not in words(copy.client, "/model/fair")

    def test_older_pages_say_what_served_then(self, client: TestClient, bench: Workbench, story: Story) -> None:
        gate = newest(bench, Step.GATE)  # of the second model, while the first one served
        page = words(client, f"/model/two?before={gate.seq}")
        assert "version 1 went into service" in page
        assert "version 2 went into service" not in page

    def test_a_model_of_others_is_refused(self, client: TestClient, door: Door, story: Story) -> None:
        door.closed = {"two"}
        assert client.get("/model/two").status_code == 403


class TestStatement:
    def test_its_proof_verifies_elsewhere(
        self, client: TestClient, bench: Workbench, story: Story, tmp_path: Path
    ) -> None:
        gate = newest(bench, Step.GATE)
        told = words(client, f"/statement/{gate.seq}")
        assert "the signature holds" in told
        assert f"assay audit check-proof entry-{gate.seq}.tlog-proof" in told
        answer = client.get(f"/statement/{gate.seq}/proof")
        assert f'filename="entry-{gate.seq}.tlog-proof"' in answer.headers["content-disposition"]
        public = tmp_path / "public"
        public.mkdir()
        for file in bench.settings.keys.glob("*.pub"):
            (public / file.name).write_bytes(file.read_bytes())
        entry, _ = InclusionProof.from_text(answer.text).verify(KeyRing.open_public(public))
        assert entry.sha256 == gate.sha256

    def test_leads_to_the_trust_report_that_it_names(self, client: TestClient, bench: Workbench) -> None:
        register = newest(bench, Step.REGISTER)
        assert f'href="/report/{register.report.facts["report"]}"' in client.get(f"/statement/{register.seq}").text
        approve = newest(bench, Step.APPROVE)
        asked = approve.report.facts["bound"]["report"]
        assert f'href="/report/{asked}"' in client.get(f"/statement/{approve.seq}").text

    def test_is_found_by_its_digest(self, client: TestClient, bench: Workbench, story: Story) -> None:
        gate = newest(bench, Step.GATE)
        answer = client.get(f"/statement/{gate.sha256}", follow_redirects=False)
        assert answer.headers["location"] == f"/statement/{gate.seq}"

    def test_a_changed_statement_is_refused_as_tampering(self, copy: Copy) -> None:
        gate = newest(copy.bench, Step.GATE)
        changed = gate.envelope.to_bytes().decode().replace(gate.keyid[:8], "00000000")
        tamper(copy.bench, "UPDATE assay_ledger.entries SET envelope = %s WHERE seq = %s", changed, gate.seq)
        assert "open an incident" in words(copy.client, f"/statement/{gate.seq}", 409)

    def test_of_others_is_refused_and_so_is_its_proof(self, client: TestClient, door: Door, story: Story) -> None:
        door.closed = {"two"}
        assert client.get("/statement/0").status_code == 403
        assert client.get("/statement/0/proof").status_code == 403

    def test_a_quarantine_belongs_to_those_whose_versions_it_names(self, copy: Copy, door: Door, story: Story) -> None:
        declare_bad(copy.bench, f"dataset/two@{story.subjects['raw'].sha256[:12]}")
        seq = newest(copy.bench, Step.QUARANTINE, "assay.quarantine").seq
        assert copy.client.get(f"/statement/{seq}").status_code == 200
        door.closed = {"two"}
        assert copy.client.get(f"/statement/{seq}").status_code == 403

    @pytest.mark.parametrize("name", ["9999", "-1", "deadbeef", "00", "1" * 40])
    def test_no_such_statement(self, client: TestClient, story: Story, name: str) -> None:
        assert client.get(f"/statement/{name}").status_code in (200, 404)


class TestControls:
    def test_names_what_is_evidenced_by_which_entry_and_what_is_not(
        self, client: TestClient, bench: Workbench, story: Story
    ) -> None:
        answer = client.get("/controls?ref=model/two:1")
        assert answer.status_code == 200
        assert "not evidenced" in answer.text
        register = bench.ledger.find(story.subjects["model"].sha256, Step.REGISTER)[0]
        assert f'href="/statement/{register.seq}"' in answer.text

    def test_of_others_is_refused_by_name_and_by_digest(self, client: TestClient, door: Door, story: Story) -> None:
        door.closed = {"two"}
        for ref in ("model/two:1", story.subjects["model"].sha256):
            assert client.get(f"/controls?ref={ref}").status_code == 403


class TestSearch:
    def test_by_digest_number_name_and_reference(self, client: TestClient, bench: Workbench, story: Story) -> None:
        gate, model = newest(bench, Step.GATE), story.subjects["model"]
        assert f"entry {gate.seq}" in words(client, f"/search?q={gate.sha256[:9]}")
        assert model.sha256 in words(client, f"/search?q={model.sha256[:6].upper()}")
        assert f"entry {gate.seq}" in words(client, f"/search?q={gate.seq}")
        assert "Pipelines two" in words(client, "/search?q=tw")
        assert model.sha256 in words(client, "/search?q=model/two:1")
        assert model.sha256 in words(client, "/search?q=two@champion")
        assert "dataset/two.holdout" in words(client, "/search?q=two.hol")
        assert "Nothing found." in words(client, "/search?q=%25_%27")

    def test_finds_nothing_of_others(self, client: TestClient, door: Door, bench: Workbench, story: Story) -> None:
        door.closed = {"two"}
        for query in ("two", newest(bench, Step.GATE).sha256[:9], story.subjects["model"].sha256[:9], "0"):
            assert "Nothing found." in words(client, f"/search?q={query}")


class TestRun:
    def test_statements_of_a_task(self, client: TestClient, story: Story) -> None:
        assert "Statements (1)" in words(client, "/run?dag_id=two.train&run_id=manual__0.0&task_id=gate")
        assert "There is none" in words(client, "/run?dag_id=two.train&run_id=unknown")

    def test_a_dag_leads_to_its_timeline(self, client: TestClient, story: Story) -> None:
        assert "Timeline of two" in words(client, "/run?dag_id=two.watch")

    def test_of_others_is_refused(self, client: TestClient, door: Door, story: Story) -> None:
        door.closed = {"two"}
        assert client.get("/run?dag_id=two.train&run_id=manual__0.0").status_code == 403


class TestReport:
    def test_is_served_in_a_sandbox(self, client: TestClient, bench: Workbench, story: Story) -> None:
        sha256 = str(newest(bench, Step.REGISTER).report.facts["report"])
        answer = client.get(f"/report/{sha256}")
        assert answer.content == trust_report("two")
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")

    def test_no_other_object_of_the_store_is(self, client: TestClient, bench: Workbench, story: Story) -> None:
        data = b'<script type="application/json" id="assay-report">'
        for other in (b"secret rows", data + b"[]</script>", data + b'{"model": {}}</script>', data + b"{</script>"):
            assert client.get(f"/report/{bench.store.put_bytes(other)}").status_code == 404
        assert client.get(f"/report/{story.subjects['raw'].sha256}").status_code == 404
        assert client.get("/report/../../etc").status_code == 404

    def test_of_others_is_refused(self, client: TestClient, door: Door, bench: Workbench, story: Story) -> None:
        door.closed = {"two"}
        sha256 = str(newest(bench, Step.REGISTER).report.facts["report"])
        assert client.get(f"/report/{sha256}").status_code == 403


def tamper(bench: Workbench, statement: str, *values: Any) -> None:
    """As whoever owns the database can."""
    connection = bench.ledger.connection
    connection.execute("ALTER TABLE assay_ledger.entries DISABLE TRIGGER ALL")
    connection.execute(statement, values)
    connection.execute("ALTER TABLE assay_ledger.entries ENABLE TRIGGER ALL")
