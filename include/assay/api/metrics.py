"""GET /metrics in Prometheus' text format: what the API answered, what ledger and lineage hold."""

import threading
from collections import Counter
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from assay.errors import AssayError

router = APIRouter()
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class RequestCounts:
    """Requests by method, route and status; unknown paths share one label, so that no caller can make more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, method: str, route: str, status: int) -> None:
        """Count one answered request."""
        with self._lock:
            self._counts[method, route, status] += 1

    def lines(self) -> list[str]:
        """One sample a label set, in a fixed order."""
        with self._lock:
            counts = sorted(self._counts.items())
        return [
            f'assay_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
            for (method, route, status), count in counts
        ]


def count_requests(app: FastAPI) -> None:
    """Count every answer of `app`; one without the token belongs to no route."""
    counts = app.state.counts = RequestCounts()

    @app.middleware("http")
    async def count(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        status = 500
        try:
            response = await answer(request)
            status = response.status_code
        finally:
            route = getattr(request.scope.get("route"), "path", "unknown")
            counts.add(request.method if route != "unknown" else "ANY", route, status)
        return response


@router.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
def metrics(request: Request) -> PlainTextResponse:
    """Counters and gauges; what an absent engine would tell is left out, and `assay_database_up` is 0."""
    lines = ["# TYPE assay_requests_total counter", *request.app.state.counts.lines()]
    gauges = {"assay_database_up": 0}
    try:
        ports = request.app.state.ports
        gauges["assay_lineage_events"] = ports.lineage().events_stored()
        gauges["assay_ledger_entries"] = ports.ledger_entries()
        gauges["assay_database_up"] = 1
    except AssayError as error:
        lines.insert(0, "# " + str(error).replace("\n", " "))
    for name, value in gauges.items():
        lines += [f"# TYPE {name} gauge", f"{name} {value}"]
    return PlainTextResponse("\n".join(lines) + "\n", media_type=_MEDIA_TYPE)
