"""Acceptance: a bundle verifies in an empty virtual environment with only the bundle, the public keys, the verifier."""

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from assay.audit.bundle import verify_bundle
from assay.audit_bundle import export_bundle
from assay.ledger_proofs import prove_inclusion
from assay.verifier_file import verifier_bytes
from tests.assay.test_ledger import fill


@pytest.fixture(scope="module")
def empty_python(tmp_path_factory):
    """An environment with `cryptography` and what it needs, nothing else; isolated from this one."""
    folder = tmp_path_factory.mktemp("auditor") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in ("cryptography", "cffi", "_cffi_backend", "pycparser"):
        found = importlib.util.find_spec(name)
        if found is not None and found.origin:
            part = Path(found.origin)
            source = part.parent if part.name == "__init__.py" else part
            (site / source.name).symlink_to(source)
    return folder / "bin" / "python"


@pytest.fixture
def auditor(empty_python, ledger, keys, settings, tmp_path):
    """Runs the verifier file in a folder with nothing but it, the bundle and the public keys."""
    fill(ledger, keys, 4)
    desk = tmp_path / "desk"
    (desk / "keys").mkdir(parents=True)
    for path in settings.keys.glob("*.pub"):
        shutil.copy(path, desk / "keys")
    (desk / "verify.pyz").write_bytes(verifier_bytes())
    export_bundle(ledger, desk / "bundle")
    (desk / "2.tlog-proof").write_text(prove_inclusion(ledger, 2).to_text())

    def run(*arguments):
        command = [empty_python, "-I", "verify.pyz", *arguments]
        return subprocess.run(command, cwd=desk, env={}, capture_output=True, text=True, timeout=60, check=False)

    run.desk = desk
    return run


def test_bundle_verifies_with_the_cryptography_that_the_system_has(auditor):
    python = "/usr/bin/python3"
    known = subprocess.run([python, "-I", "-c", "import cryptography"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("the system's Python has no cryptography")
    command = [python, "-I", "verify.pyz", "bundle", "--keys", "keys"]
    done = subprocess.run(command, cwd=auditor.desk, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_bundle_verifies_with_only_the_public_keys_and_the_verifier(auditor):
    done = auditor("bundle", "--keys", "keys", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["entries"] == 4
    assert auditor("2.tlog-proof", "--keys", "keys").stdout == (
        "entry 2 of 2026-03-03T12:00:00+00:00 is in the log of 4 entries\n"
    )


def test_environment_has_nothing_of_assay(auditor, empty_python):
    names = ("pydantic", "psycopg", "assay", "click")
    tried = f"import importlib.util as u; print([name for name in {names} if u.find_spec(name)])"
    done = subprocess.run([empty_python, "-I", "-c", tried], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_flipped_bytes_are_named_as_they_are_here(auditor, keys):
    bundle, chance = auditor.desk / "bundle", random.Random(1)
    whole = bundle.read_bytes()
    for place in chance.sample(range(len(whole)), 8):
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(changed)
        done = auditor("bundle", "--keys", "keys")
        assert done.returncode == 3, place
        assert "line 1" in done.stderr or done.stdout == _told(bundle, keys)


def test_misuse_is_exit_2(auditor):
    assert [auditor(*a).returncode for a in (("none", "--keys", "keys"), ("bundle", "--keys", "."), ())] == [2, 2, 2]


def test_verifier_is_the_same_bytes_every_time():
    again = subprocess.run(
        [sys.executable, "-c", "import sys; from assay.verifier_file import verifier_bytes as v;"
         "sys.stdout.buffer.write(v())"], capture_output=True, check=True,
    )  # fmt: skip
    assert again.stdout == verifier_bytes()


def _told(bundle, keys):
    from assay.audit.told import to_lines

    return "".join(f"{line}\n" for line in to_lines(verify_bundle(bundle, keys)))
