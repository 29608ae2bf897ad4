"""Lineage at a million events: how fast they are taken in, and how fast questions are answered over HTTP.

PostgreSQL is the embedded stack's, with its own settings; the API runs as the stack runs it. Events come from
`lineage_graph.py` and go in by the receiver (`--door http`: validated, in batches) or straight into the store
(`--door store`). What served when comes from the ledger in real life; here the same rows are written directly.
A folder that holds the events already is asked again without loading: `--folder DIR`.
"""

import argparse
import contextlib
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import lineage_graph as graph
import psycopg
from lineage_questions import ask, questions, write_plans
from lineage_servers import Servers, connect, request, serving
from pydantic import SecretStr

from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.store import LineageStore, ReceivedEvent
from assay.settings import Settings

BATCH, SENDERS, SWITCHES = 500, 2, 250
TABLES = ("events", "runs", "versions", "run_versions", "servings", "approvals")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--door", choices=("http", "store"), default="http")
    parser.add_argument("--asks", type=int, default=200, help="of each question")
    parser.add_argument("--folder", type=Path, help="where the database stays; default: a temporary folder")
    parser.add_argument("--plans", type=Path, help="write the plan of every query to this file")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-lineage-", ignore_cleanup_errors=True))
        )
        servers = stack.enter_context(serving(folder))
        days = graph.days_of(arguments.events)
        report = {"load": load(servers, arguments.events, arguments.door, days)}
        report |= {name: ask(servers, paths) for name, paths in questions(days, arguments.asks).items()}
        if arguments.plans:
            write_plans(servers.url, days, arguments.plans)
    print(json.dumps(report, indent=2) if arguments.json else "\n".join(lines(report)))


def load(servers: Servers, count: int, door: str, days: int) -> dict[str, object]:
    """What it took, and what there is then; nothing is loaded twice."""
    with psycopg.connect(servers.url, autocommit=True) as connection:
        told = {} if rows_of(connection, "events") >= count else feed(servers, count, door)
        if told:
            fill_servings(connection, days)
        connection.execute("VACUUM ANALYZE")
        rows = {table: rows_of(connection, table) for table in TABLES}
        mib = {table: mib_of(connection, table) for table in TABLES}
    return {**told, "rows": rows, "mib": mib}


def feed(servers: Servers, count: int, door: str) -> dict[str, object]:
    """Events a second over the whole load, and the processor time of each process."""
    batches = Batches(count, servers)
    before, started = servers.cpu_seconds(), time.perf_counter()
    if door == "http":
        with ThreadPoolExecutor(SENDERS) as pool:  # one batch is validated while another is written
            list(pool.map(lambda _: send_all(servers.port, batches), range(SENDERS)))
    else:
        keep_all(servers.url, batches)
    seconds = time.perf_counter() - started
    spent = {name: round(after - before[name], 1) for name, after in servers.cpu_seconds().items()}
    return {"door": door, "events": count, "seconds": round(seconds, 1), "events_per_second": round(count / seconds),
            "cpu_seconds": spent, "api_peak_mib": servers.api_peak_mib()}  # fmt: skip


class Batches:
    """The events in batches, each to whichever thread asks first; tells of the progress."""

    def __init__(self, count: int, servers: Servers) -> None:
        self._events, self._servers = itertools.islice(graph.events(), count), servers
        self._lock, self._taken, self._started = threading.Lock(), 0, time.perf_counter()

    def __iter__(self) -> Iterator[list[bytes]]:
        while batch := self._next():
            yield batch

    def _next(self) -> list[bytes]:
        with self._lock:
            batch = list(itertools.islice(self._events, BATCH))
            self._taken += len(batch)
            if self._taken % (100 * BATCH) == 0:
                rate = self._taken / (time.perf_counter() - self._started)
                peak = self._servers.api_peak_mib()
                print(f"{self._taken} events, {rate:.0f} a second, API at most {peak} MiB", file=sys.stderr)
            return batch


def send_all(port: int, batches: Batches) -> None:
    connection = connect(port)
    for batch in batches:
        status, answer = request(connection, "POST", "/api/v1/lineage/batch", b"[" + b",".join(batch) + b"]")
        if status != 200 or json.loads(answer)["summary"]["new"] != len(batch):
            raise SystemExit(f"the receiver did not keep {len(batch)} events, it answered {status}: {answer[:500]!r}")


def keep_all(url: str, batches: Batches) -> None:
    with contextlib.closing(LineageStore.open(Settings(database_url=SecretStr(url)))) as store:
        for batch in batches:
            store.add_events([received(event) for event in batch])


def received(body: bytes) -> ReceivedEvent:
    event = parse_event(body)
    return ReceivedEvent(canonical_event(event), event_time(event), read_event(event))


def fill_servings(connection: "psycopg.Connection[Any]", days: int) -> None:
    """Each deployment is switched many times, evenly over the days; a gate and a person approved each model."""
    first = graph.FIRST_DAY
    with connection.cursor() as cursor:
        with cursor.copy("COPY assay_lineage.servings (seq, name, step, version, model, deployment, run_id, at)"
                         " FROM STDIN") as copy:  # fmt: skip
            for seq, (switch, number) in enumerate(itertools.product(range(SWITCHES), range(graph.DEPLOYMENTS))):
                at = first + timedelta(days=days) * (switch / SWITCHES) + timedelta(seconds=number)
                name, day = graph.pipeline_of(number), (at - first).days
                model, live = (graph.digest((f"{kind}/{name}", day)) for kind in ("model", "deployment"))
                copy.write_row((seq, name, "deploy", str(switch), model, live, f"run-{seq}", at))
        cursor.execute(
            "INSERT INTO assay_lineage.registrations (seq, name, version, alias, model, at)"
            " SELECT min(seq), 'model/' || name, min(version), '', model, min(at) FROM assay_lineage.servings"
            " GROUP BY name, model"
        )
        cursor.execute(
            "INSERT INTO assay_lineage.approvals (seq, model, by, at)"
            " SELECT 2 * min(seq) + n, model, by, min(at) FROM assay_lineage.servings,"
            " (VALUES (0, 'gate'), (1, 'ada')) AS person (n, by) GROUP BY model, n, by"
        )


def rows_of(connection: "psycopg.Connection[Any]", table: str) -> int:
    return int(one(connection, f"SELECT count(*) FROM assay_lineage.{table}"))  # noqa: S608  # our tables


def mib_of(connection: "psycopg.Connection[Any]", table: str) -> int:
    return int(one(connection, f"SELECT pg_total_relation_size('assay_lineage.{table}')")) >> 20


def one(connection: "psycopg.Connection[Any]", query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def lines(report: dict[str, dict[str, Any]]) -> Iterator[str]:
    """One line for the load, one for each question."""
    loaded = report.pop("load")
    yield "load    " + ", ".join(f"{key} {value}" for key, value in loaded.items())
    for name, told in report.items():
        yield f"{name:<10}" + ", ".join(f"{key} {value}" for key, value in told.items())


if __name__ == "__main__":
    main()
