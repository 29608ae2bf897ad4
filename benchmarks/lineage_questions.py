"""What is asked of the benchmark's graph, and how long the answers take over HTTP."""

import contextlib
import json
import random
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import lineage_graph as graph
from lineage_plans import plans_of
from lineage_servers import Servers, connect, request

from assay.lineage.served import served
from assay.lineage.walk import Direction, walk
from assay.questions.exposure import exposure
from assay.settings import Settings

SMALL = 1_000  # nodes: what the bar is about
_WARM_UP = 10


def questions(days: int, count: int) -> dict[str, list[str]]:
    """Paths to ask for, by the question's name: `count` of each, of versions of any day."""
    draw = random.Random(7)
    return {
        "up": [_path("lineage/up", ref=_lower(draw, days)) for _ in range(count)],
        "down": [_path("lineage/down", ref=_upper(draw, days)) for _ in range(count)],
        "served-at": [_path("served", at=_moment(draw, days).isoformat()) for _ in range(count)],
        "served-at one name": [
            _path(
                "served", at=_moment(draw, days).isoformat(), name=graph.pipeline_of(draw.randrange(graph.DEPLOYMENTS))
            )
            for _ in range(count)
        ],
        "exposure": [_path("exposure", ref=_upper(draw, days)) for _ in range(count)],
    }


def ask(servers: Servers, paths: list[str]) -> dict[str, object]:
    """Milliseconds until the whole answer is read, of answers of at most 1,000 nodes; greater ones apart.

    worked: what of it a processor worked for the API and PostgreSQL; the rest is waiting, for whatever else runs here.
    """
    small, worked, great, sizes = list[float](), list[float](), list[float](), list[int]()
    with contextlib.closing(connect(servers.port)) as connection:
        for path in paths[:_WARM_UP]:
            request(connection, "GET", path)
        for path in paths:
            before, started = servers.answering_seconds(), time.perf_counter()
            status, body = request(connection, "GET", path)
            milliseconds = (time.perf_counter() - started) * 1e3
            work = (servers.answering_seconds() - before) * 1e3
            if status != 200:
                return {"status": status, "answer": body[:200].decode()}
            sizes.append(_nodes(json.loads(body)))
            (small if sizes[-1] <= SMALL else great).append(milliseconds)
            if sizes[-1] <= SMALL:
                worked.append(work)
    return {
        "asked": len(small),
        **_parts(small),
        **{f"worked_{name}": value for name, value in _parts(worked).items()},
        "nodes_median": sorted(sizes)[len(sizes) // 2],
        "nodes_max": max(sizes),
        "greater": len(great),
        **{f"greater_{name}": value for name, value in _parts(great).items()},
    }


def write_plans(url: str, days: int, path: Path) -> None:
    """The plan of every query, for one question of each kind."""
    draw = random.Random(7)
    lower, upper, at = _lower(draw, days), _upper(draw, days), _moment(draw, days)
    asked = {
        f"up {lower}": lambda store: walk(store, Direction.UP, lower),
        f"down {upper}": lambda store: walk(store, Direction.DOWN, upper),
        f"down {graph.hub_name(3)}": lambda store: walk(store, Direction.DOWN, graph.hub_name(3)),
        f"served --at {at:%F}": lambda store: served(store, at),
        f"exposure {upper}": lambda store: exposure(store, Settings(), upper),
    }
    with path.open("w") as file:
        for name, question in asked.items():
            for query, plan in plans_of(url, question):
                file.write(f"## {name}\n\n```sql\n{query.strip()}\n```\n```\n{plan}\n```\n\n")


def _lower(draw: random.Random, days: int) -> str:
    """A version with a long past: a model, a deployment, or deep in a chain; every third by its newest."""
    day, chain = draw.randrange(days), draw.randrange(graph.CHAINS)
    deep = graph.chain_name(chain, draw.randrange(20, graph.DEPTH))
    name = draw.choice((f"model/m{draw.randrange(graph.MODELS):04}", f"deployment/{_pipeline(draw)}", deep))
    if name.startswith("deployment/") or draw.randrange(3):
        return f"{name}@{graph.digest((name, day))}"
    return name


def _upper(draw: random.Random, days: int) -> str:
    """A version of which much was made: a source, a hub, or near a chain's head; every third by its newest."""
    day, hub = draw.randrange(days), draw.randrange(graph.HUBS)
    if draw.randrange(4) == 0:
        return graph.digest((graph.source_name(hub), day))
    name = draw.choice((graph.hub_name(hub), graph.chain_name(draw.randrange(graph.CHAINS), draw.randrange(15))))
    return f"{name}@{graph.digest((name, day))}" if draw.randrange(3) else name


def _pipeline(draw: random.Random) -> str:
    return graph.pipeline_of(draw.randrange(graph.DEPLOYMENTS))


def _moment(draw: random.Random, days: int) -> datetime:
    return graph.FIRST_DAY + timedelta(days=1 + draw.random() * (days - 1))


def _path(question: str, **values: str) -> str:
    return f"/api/v1/{question}?{urlencode(values)}"


def _nodes(answer: dict[str, list[object]]) -> int:
    """Nodes of a walk; versions and models of an exposure; rows of a list."""
    if "nodes" in answer:
        return len(answer["nodes"])
    return sum(len(part) for part in answer.values() if isinstance(part, list))


def _parts(milliseconds: list[float]) -> dict[str, float]:
    if len(milliseconds) < 2:
        return {}
    cut = quantiles(milliseconds, n=20)
    parts = {"p50_ms": cut[9], "p95_ms": cut[18], "max_ms": max(milliseconds)}
    return {name: round(value, 1) for name, value in parts.items()}
