"""The loop on real engines, as a newcomer meets it: the README's and the tutorial's own commands."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from assay.dataset import load_dataset
from assay.records import Subject
from assay.store import open_store
from tests.embedded_stack import ASSAY, ROOT, Stack, stack

pytestmark = pytest.mark.engines
__all__ = ["stack"]  # the fixture


@pytest.fixture(scope="module")
def digits(stack: Stack) -> dict:
    return stack.json("run", "digits", "--follow")


def test_every_engine_is_healthy(stack: Stack) -> None:
    engines = {engine["name"]: engine for engine in stack.json("status")["engines"]}
    assert set(engines) == {"postgres", "s3", "mlflow", "airflow", "ray", "triton", "api"}
    assert all(engine["healthy"] for engine in engines.values())


def test_digits_goes_through_every_station_and_serves(digits: dict) -> None:
    verdicts = {step["step"]: step["verdict"] for step in digits["steps"]}
    stations = ["collect", "validate", "screen", "split", "train", "export", "assay", "gate", "register", "deploy"]
    assert {station: verdicts.get(station) for station in stations} == dict.fromkeys(stations, "passed")
    assert digits["verdict"] == "passed"


def test_any_client_gets_the_answers_of_the_verified_model(stack: Stack, digits: dict) -> None:
    done = stack.python((ROOT / "docs/tutorial/ask_digits.py").read_text())
    assert done.returncode == 0, done.stdout + done.stderr


def test_unchanged_data_make_no_new_version(stack: Stack, digits: dict) -> None:
    again = stack.json("run", "digits", "--follow")
    assert again["dataset"] == digits["dataset"]


def test_lineage_walks_to_the_raw_bytes_and_the_person(stack: Stack, digits: dict) -> None:
    walk = stack.json("lineage", "up", "deployment/digits")
    types = {node["type"] for node in walk["nodes"]}
    assert {"deployment", "model", "dataset", "source", "actor"} <= types


def test_the_ledger_verifies_and_names_a_flipped_byte(stack: Stack, digits: dict) -> None:
    assert stack.json("audit", "verify")["ok"]
    with psycopg.connect(stack.settings().database_url.get_secret_value(), autocommit=True) as connection:
        before = connection.execute("SELECT envelope FROM assay_ledger.entries WHERE seq = 2").fetchone()[0]
        after = re.sub(r'"sig": ?"(.)', lambda m: m[0][:-1] + ("A" if m[1] != "A" else "B"), before, count=1)
        assert after != before
        connection.execute("ALTER TABLE assay_ledger.entries DISABLE TRIGGER ALL")
        update = "UPDATE assay_ledger.entries SET envelope = %s WHERE seq = 2"
        connection.execute(update, (after,))
        try:
            broken = stack.json("audit", "verify", expect=3)["broken"]
        finally:
            connection.execute(update, (before,))
            connection.execute("ALTER TABLE assay_ledger.entries ENABLE TRIGGER ALL")
    assert broken[0]["seq"] == 2
    assert stack.json("audit", "verify")["ok"]


def test_the_readme_names_only_commands_that_exist() -> None:
    text = "".join(path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    used = set(re.findall(r"(?:^|`|bin/)assay ([a-z][a-z-]+)", text, flags=re.MULTILINE))
    shown = subprocess.run([ASSAY, "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  ([a-z-]+)", shown, flags=re.MULTILINE))
    assert used <= known, used - known


def test_make_knows_the_two_commands() -> None:
    for target in ("demo", "test"):
        plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert ".venv/bin/python" in plan


def test_a_flipped_byte_in_the_registered_model_is_refused_at_load_and_at_deploy(stack: Stack, digits: dict) -> None:
    (registered,) = (stack.home / "s3" / "mlflow").rglob("model.onnx")
    for call in ("load_model('digits')", "serve_model('digits', 1)"):
        with flipped(registered):
            assert "IntegrityError: models:/digits/1 (model.onnx)" in stack.python(f"import assay; assay.{call}").stderr
        assert stack.python(f"import assay; assay.{call}").returncode == 0


def test_a_flipped_byte_in_a_shard_is_named(stack: Stack, digits: dict) -> None:
    raw = load_dataset(Subject("dataset/digits", digits["dataset"]), open_store(stack.settings()))
    (shard,) = (stack.home / "s3" / "assay").rglob(raw.shards[0].sha256)
    with flipped(shard):
        assert shard.name in stack.failure("lineage", "up", "row/digits/digit-00000", expect=3)
    stack.run("lineage", "up", "row/digits/digit-00000")


def test_a_flipped_byte_in_the_served_file_is_refused_at_deploy(stack: Stack, digits: dict) -> None:
    served = stack.settings().triton_repository / "digits" / "1" / "model.onnx"
    with flipped(served):
        stack.run("rollback", "digits", "--to", "1", expect=3)
    stack.run("rollback", "digits", "--to", "1")


@contextlib.contextmanager
def flipped(path: Path) -> Iterator[None]:
    """One byte in the middle differs for a while."""
    before = path.read_bytes()
    middle = len(before) // 2
    path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    try:
        yield
    finally:
        path.write_bytes(before)
